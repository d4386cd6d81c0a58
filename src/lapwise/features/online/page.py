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
from msgspec import Raw

from lapwise.features.kernel import LEAST, Int64
from lapwise.features.online.fields import UNTIL, Fields, Side
from lapwise.features.online.layout import Kept, read_row
from lapwise.features.online.lines import HEAD, lines_of

__all__ = ["SHORT", "TILE", "Page", "Parts", "Place", "Stored", "encode", "parts"]

_HISTORY = Struct("<II")
SHORT = 1024
"""Bytes of a record whose history is not put under a key of its own."""

_times_of = Struct("<qqq").unpack_from
_NUMBER = Struct("<q").pack_into

TILE = Raw(b"\xc0")
"""What stands for the row of an item that is a tile: nil."""

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
_read_rows = msgspec.msgpack.Decoder(list[Raw]).decode
_NO_SIDE: Side = []


@dataclass(slots=True)
class Page:
    """Items of one entity, for writing: three runs beside each other.

    Attributes:
        width: bytes of an item.
        items: the items' numbers, one after the other.
        sides: what of each is not a number.
        rows: the row that an item is, encoded: few are ever read.
    """

    width: int
    items: bytearray
    sides: list[Side]
    rows: list[Raw]

    @classmethod
    def decode(cls, stored: Stored, fields: Fields) -> Page:
        """Return a page from what is kept of it, an empty one from nothing.

        Raises:
            ValueError: a record was cut short.
        """
        record, history = stored
        width = fields.bytes
        if record is None:
            return cls(width, bytearray(), [], [])
        _, number, texts = HEAD.unpack_from(record)
        start, lines = HEAD.size, HEAD.size + number * 8 * fields.line
        if history is None:
            history = record[lines + texts :]
        number, sides = _HISTORY.unpack_from(history)
        stop = _HISTORY.size + number * width
        if lines + texts > len(record) or stop + sides > len(history):
            raise ValueError("a record that was cut short")
        items = history[_HISTORY.size : stop] if number else record[start:lines]
        rows = _read_rows(history[stop + sides :])
        apart = _read_sides(history[stop : stop + sides]) if sides else []
        upright = _upright(apart, len(rows)) if apart else [_NO_SIDE] * len(rows)
        return cls(width, bytearray(items), upright, rows)

    def __len__(self) -> int:
        """Return how many items there are."""
        return len(self.rows)

    def numbers(self) -> Int64:
        """Return the items' numbers; a row for each item."""
        return np.frombuffer(bytes(self.items), np.int64).reshape(-1, self.width // 8)

    def times(self, index: int) -> tuple[int, int, int]:
        """Return the position, the visible time and the until of an item."""
        return _times_of(self.items, index * self.width)

    def row(self, index: int) -> Kept | None:
        """Return the row that an item is, None if it is a tile."""
        return None if self.rows[index] == TILE else read_row(self.rows[index])

    def place(self, index: int) -> Place:
        """Return what orders an item."""
        row = self.row(index)
        return (
            (self.times(index)[0], LEAST, ())
            if row is None
            else (row.event or 0, row.known, row.key)
        )

    def find(self, place: Place) -> int:
        """Return where an item is, or would be put."""
        index = self._at(place[0])
        if index == len(self.rows) or self.times(index)[0] > place[0]:
            return index
        return bisect_left(range(self._at(place[0] + 1)), place, lo=index, key=self.place)

    def _at(self, position: int) -> int:
        """Return the first item that does not lie before a time."""
        return bisect_left(memoryview(self.items).cast("q")[:: self.width // 8], position)

    def index(self, place: Place) -> int | None:
        """Return where an item is, None if it is not there."""
        index = self.find(place)
        return index if index < len(self.rows) and self.place(index) == place else None

    def folded(self, position: int) -> int | None:
        """Return where the tile is that begins at a time, None if it is not folded."""
        index = self._at(position)
        there = index < len(self.rows) and self.times(index)[:2] == (position, LEAST)
        return index if there else None

    def put(self, index: int, item: bytes, side: Side, row: Raw) -> None:
        """Put an item before another."""
        self.items[index * self.width : index * self.width] = item
        self.sides.insert(index, side)
        self.rows.insert(index, row)

    def end(self, index: int, until: int) -> None:
        """Let an item be seen only until a time."""
        _NUMBER(self.items, index * self.width + 8 * UNTIL, until)

    def cut(self, start: int, stop: int) -> Page:
        """Return some of the items as a page of their own."""
        items = self.items[start * self.width : stop * self.width]
        return Page(self.width, items, self.sides[start:stop], self.rows[start:stop])

    def drop(self, start: int, stop: int) -> None:
        """Take some of the items away."""
        del self.items[start * self.width : stop * self.width]
        del self.sides[start:stop], self.rows[start:stop]

    def splice(self, start: int, stop: int, other: Page) -> None:
        """Put another page's items in place of some."""
        self.items[start * self.width : stop * self.width] = other.items
        self.sides[start:stop] = other.sides
        self.rows[start:stop] = other.rows


def encode(pages: Sequence[Page], fields: Fields) -> list[Parts]:
    """Return the records of pages that have items, and their histories if those are long."""
    if not pages:
        return []
    items = [bytes(page.items) for page in pages]
    numbers = np.frombuffer(b"".join(items), np.int64).reshape(-1, fields.width)
    sides = [side for page in pages for side in page.sides] if fields.slots else []
    lines = lines_of(numbers, [len(page) for page in pages], sides, fields)
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
    if not fields.slots and lines[HEAD.size :] == items:
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
