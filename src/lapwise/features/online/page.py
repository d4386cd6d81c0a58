"""A page of the online store: items in order of time, as bytes that a look-up reads without a copy.

::

    <items> <bytes of the sides> <items ...> <sides> <rows>

The first two are 32-bit numbers. Sides and rows are MessagePack; a look-up passes over the rows,
which only a writer needs.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from struct import Struct
from typing import Any, TypeAlias

import msgspec

from lapwise.features.kernel import LEAST
from lapwise.features.online.fields import Fields, Side
from lapwise.features.online.layout import Kept

__all__ = ["HEAD", "Flat", "Page", "Place", "join", "read_sides", "times_of"]

HEAD = Struct("<II")
times_of = Struct("<qqq").unpack_from
"""Return the position, the visible time and the until of an item."""

Place: TypeAlias = tuple[int, int, list[Any]]
"""What orders items: event, known and key of a row; the beginning of a tile."""

Flat: TypeAlias = tuple[list[int], list[Any]]
"""One slot of all items: how many values each has, and the values of all of them, in order."""

_encode = msgspec.msgpack.Encoder().encode
read_sides = msgspec.msgpack.Decoder(list[Flat]).decode
"""Return each slot of a page's items."""
_read_rows = msgspec.msgpack.Decoder(list[Kept | None]).decode


def join(number: int, items: bytes, sides: list[Side] | None, rows: bytes) -> bytes:
    """Return the bytes of a page from its parts."""
    apart = b"" if sides is None else _encode(_flat(sides))
    return b"".join((HEAD.pack(number, len(apart)), items, apart, rows))


@dataclass(slots=True)
class Page:
    """Items of one entity, for writing: four lists beside each other.

    Attributes:
        places: what orders the items.
        items: each item's numbers, as bytes.
        sides: what of each is not a number.
        rows: the row that an item is; None for a tile.
    """

    places: list[Place]
    items: list[bytes]
    sides: list[Side]
    rows: list[Kept | None]

    @classmethod
    def empty(cls) -> Page:
        """Return a page without items."""
        return cls([], [], [], [])

    @classmethod
    def decode(cls, content: bytes | None, fields: Fields) -> Page:
        """Return a page from its bytes, an empty one from None."""
        if content is None:
            return cls.empty()
        number, sides = HEAD.unpack_from(content)
        start, width = HEAD.size, fields.bytes
        stop = start + number * width
        items = [content[at : at + width] for at in range(start, stop, width)]
        rows = _read_rows(content[stop + sides :])
        places: list[Place] = [
            (times_of(item)[0], LEAST, []) if row is None else (row.event or 0, row.known, row.key)
            for item, row in zip(items, rows, strict=True)
        ]
        apart = read_sides(content[stop : stop + sides]) if sides else []
        return cls(places, items, _upright(apart, number), rows)

    def encode(self, fields: Fields) -> bytes:
        """Return the page's bytes."""
        sides = self.sides if fields.slots else None
        return join(len(self.items), b"".join(self.items), sides, _encode(self.rows))

    def find(self, place: Place) -> int:
        """Return where an item is, or would be put."""
        return bisect_left(self.places, place)

    def put(self, index: int, place: Place, item: bytes, side: Side, row: Kept | None) -> None:
        """Put an item before another."""
        self.places.insert(index, place)
        self.items.insert(index, item)
        self.sides.insert(index, side)
        self.rows.insert(index, row)

    def cut(self, start: int, stop: int) -> Page:
        """Return some of the items as a page of their own."""
        part = slice(start, stop)
        return Page(self.places[part], self.items[part], self.sides[part], self.rows[part])

    def splice(self, start: int, stop: int, other: Page) -> None:
        """Put another page's items in place of some."""
        part = slice(start, stop)
        self.places[part] = other.places
        self.items[part] = other.items
        self.sides[part] = other.sides
        self.rows[part] = other.rows


def _flat(sides: list[Side]) -> list[Flat]:
    """Lay the values of each slot in one row: a look-up makes few lists of it, however many items."""
    return [
        (
            [len(values) for values in slot],
            [value for values in slot for value in values],
        )
        for slot in zip(*sides, strict=True)
    ]


def _upright(flat: list[Flat], number: int) -> list[Side]:
    """Return the sides of items that were laid flat."""
    sides: list[Side] = [[] for _ in range(number)]
    for counts, values in flat:
        start = 0
        for side, count in zip(sides, counts, strict=True):
            side.append(values[start : start + count])
            start += count
    return sides
