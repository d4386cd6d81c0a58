"""A page of the online store: the items of an entity, or of one of its tiles, in order of time.

A look-up reads its lines (``lines.py``). Its history is for writers, and for who asks of the past::

    <items> <bytes of the sides> <items ...> <sides> <rows>

The first two are 32-bit numbers. Sides and rows are MessagePack. A short history stands behind the
lines in one record; no items are written where they are the lines, as those of a single row are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, NamedTuple, TypeAlias

import msgspec
import numpy as np

from lapwise.features.kernel import LEAST, Int64
from lapwise.features.online.fields import Fields, Side
from lapwise.features.online.layout import Kept
from lapwise.features.online.lines import HEAD, lines_of

__all__ = ["SHORT", "Page", "Parts", "Place", "Stored", "encode", "parts", "times_of"]

_HISTORY = Struct("<II")
SHORT = 1024
"""Bytes of a record whose history is not put under a key of its own."""

times_of = Struct("<qqq").unpack_from
"""Return the position, the visible time and the until of an item."""

Place: TypeAlias = tuple[int, int, Sequence[Any]]
"""What orders items: event, known and key of a row; the beginning of a tile."""


class Stored(NamedTuple):
    """What is kept of a page: its record, and its history if that has a key of its own."""

    record: bytes | None
    history: bytes | None


Parts: TypeAlias = tuple[bytes, bytes | None]
"""What is to be kept of a page that has items: its record, and its history if that is long."""

_Flat: TypeAlias = tuple[list[int], list[Any]]
"""One slot of all items: how many values each has, and the values of all of them, in order."""

_encode = msgspec.msgpack.Encoder().encode
_read_sides = msgspec.msgpack.Decoder(list[_Flat]).decode
_read_rows = msgspec.msgpack.Decoder(list[Kept | None]).decode


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
    def decode(cls, stored: Stored, fields: Fields) -> Page:
        """Return a page from what is kept of it, an empty one from nothing."""
        record, history = stored
        if record is None:
            return cls.empty()
        _, number, texts = HEAD.unpack_from(record)
        width, start = fields.bytes, HEAD.size
        lines = start + number * 8 * fields.line
        if history is None:
            history = record[lines + texts :]
        items, sides = _HISTORY.unpack_from(history)
        stop = _HISTORY.size + items * width
        source, at = (history, _HISTORY.size) if items else (record, start)
        each = [source[i : i + width] for i in range(at, stop if items else lines, width)]
        rows = _read_rows(history[stop + sides :])
        places: list[Place] = [
            (times_of(item)[0], LEAST, ()) if row is None else (row.event or 0, row.known, row.key)
            for item, row in zip(each, rows, strict=True)
        ]
        apart = _read_sides(history[stop : stop + sides]) if sides else []
        return cls(places, each, _upright(apart, len(each)), rows)

    def numbers(self, fields: Fields) -> Int64:
        """Return the items; shape ``(number, fields.width)``."""
        return np.frombuffer(b"".join(self.items), np.int64).reshape(-1, fields.width)

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


def encode(pages: Sequence[Page], fields: Fields) -> list[Parts]:
    """Return the records of pages that have items, and their histories if those are long."""
    if not pages:
        return []
    items = [b"".join(page.items) for page in pages]
    numbers = np.frombuffer(b"".join(items), np.int64).reshape(-1, fields.width)
    sides = [side for page in pages for side in page.sides] if fields.slots else []
    lines = lines_of(numbers, [len(page.items) for page in pages], sides, fields)
    return [
        parts(one, content, page.sides, _encode(page.rows), fields)
        for one, content, page in zip(lines, items, pages, strict=True)
    ]


def parts(lines: bytes, items: bytes, sides: Sequence[Side], rows: bytes, fields: Fields) -> Parts:
    """Return a page's record, and its history if that is long."""
    apart = _encode(_flat(sides)) if fields.slots else b""
    number = len(items) // fields.bytes
    if len(lines) + len(items) + len(apart) + len(rows) > SHORT:
        history = b"".join((_HISTORY.pack(number, len(apart)), items, apart, rows))
        return lines, history
    if lines[HEAD.size :] == items:
        number, items = 0, b""
    record = b"".join((lines, _HISTORY.pack(number, len(apart)), items, apart, rows))
    return record, None


def _flat(sides: Sequence[Side]) -> list[_Flat]:
    """Lay the values of each slot in one row: few lists are made of it, however many items."""
    return [
        (
            [len(values) for values in slot],
            [value for values in slot for value in values],
        )
        for slot in zip(*sides, strict=True)
    ]


def _upright(flat: list[_Flat], number: int) -> list[Side]:
    """Return the sides of items that were laid flat."""
    sides: list[Side] = [[] for _ in range(number)]
    for counts, values in flat:
        start = 0
        for side, count in zip(sides, counts, strict=True):
            side.append(values[start : start + count])
            start += count
    return sides
