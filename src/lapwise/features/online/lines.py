"""The lines of a page: for each moment at which a window can begin, all that the window gives.

A window that ends now is a page from some item to its last. So each line is the sum of its item and
of all later ones, and a look-up reads one line for each window, however many rows there are::

    <settled> <lines> <bytes of the texts> <lines ...> <texts>

The first is a 64-bit number: as of it and later times the lines are right; as of earlier ones they
are made anew from the page's history. The other two are 32-bit numbers. Texts are MessagePack.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import compress, pairwise
from struct import Struct
from typing import Any

import msgspec
import numpy as np

from lapwise.features.corrections import FOREVER
from lapwise.features.kernel import Bools, Int64
from lapwise.features.online.fields import POSITION, UNTIL, VISIBLE, ColumnFields, Fields, Side

__all__ = ["HEAD", "Texts", "fit", "lines_of", "open_lines", "read_texts", "suffixes"]

HEAD = Struct("<qII")


class Texts(msgspec.Struct, frozen=True, array_like=True):
    """What lines refer to.

    Attributes:
        texts: the latest and the first of columns that are no numbers.
        last: for each column whose values are counted when each was last observed; of a view
            without a grain alone, for it joins lines and counts again.
    """

    texts: list[Any]
    last: list[dict[Any, int]]


_encode = msgspec.msgpack.Encoder().encode
read_texts = msgspec.msgpack.Decoder(Texts).decode


def open_lines(record: bytes, fields: Fields) -> tuple[int, Sequence[int], bytes]:
    """Return since when a record's lines are right, when each begins, and the texts' bytes.

    A line is read with ``fields.unpack(record, HEAD.size + 8 * fields.line * index)``.
    """
    settled, number, texts = HEAD.unpack_from(record)
    stop = HEAD.size + 8 * fields.line * number
    begins = memoryview(record)[HEAD.size : stop].cast("q")[:: fields.line]
    return settled, begins, record[stop : stop + texts]


def lines_of(
    items: Int64, counts: Int64 | Sequence[int], sides: Sequence[Side], fields: Fields
) -> list[bytes]:
    """Return the lines of some pages.

    Args:
        items: their items, page after page; shape ``(number, fields.width)``.
        counts: how many each page has, at least one.
        sides: each item's, empty if the view has no slots.
        fields: the view's.
    """
    ends = np.cumsum(counts)
    settled = _settled(items, ends, fields)
    standing = items[:, UNTIL] == FOREVER
    if not standing.all():
        items, sides = items[standing], list(compress(sides, standing.tolist()))
        ends = np.cumsum(standing)[ends - 1]
    lines = np.zeros((len(items), fields.line), np.int64)
    lines[:, : fields.width] = suffixes(items, ends, fields)
    bounds = [0, *ends.tolist()]
    texts = [b""] * len(counts)
    if fields.slots:
        texts = [_texts(lines[a:b], sides[a:b], fields) for a, b in pairwise(bounds)]
    begins = _begins(items, ends, fields.grain)
    content = lines[begins].tobytes()
    before = [0, *np.cumsum(begins).tolist()]
    width = 8 * fields.line
    return [
        b"".join((
            HEAD.pack(time, before[b] - before[a], len(apart)),
            content[before[a] * width : before[b] * width],
            apart,
        ))
        for time, (a, b), apart in zip(settled.tolist(), pairwise(bounds), texts, strict=True)
    ]  # fmt: skip


def suffixes(items: Int64, ends: Int64, fields: Fields) -> Int64:
    """Return each item joined with all later ones of its run; it keeps its own times.

    Sums are right modulo 2**64: those that fit are right.

    Args:
        items: runs of items, one after the other.
        ends: where each run ends.
        fields: what the items' numbers are.
    """
    lines = items.copy()
    starts = np.concatenate([[0], ends[:-1]])
    added = np.zeros((len(items) + 1, fields.added.stop - fields.added.start), np.int64)
    np.cumsum(items[::-1, fields.added], axis=0, out=added[1:])
    stops = np.repeat(ends, ends - starts)
    lines[:, fields.added] = added[:0:-1] - added[len(items) - stops]
    for how, block in ((np.minimum, fields.lesser), (np.maximum, fields.greater)):
        if block.start < block.stop:
            for start, stop in zip(starts.tolist(), ends.tolist(), strict=True):
                if stop - start > 1:
                    part = lines[start:stop, block][::-1]
                    how.accumulate(part, axis=0, out=part)
    for column in fields.columns.values():
        if 0 <= column.latest < fields.width:
            _latest(lines, items, starts, ends, column)
        if 0 <= column.first < fields.width:
            _first(lines, items, stops, column)
    return lines


def _latest(lines: Int64, items: Int64, starts: Int64, ends: Int64, column: ColumnFields) -> None:
    """Give each line the latest observations of its run; the line's count says which it has."""
    places = column.places
    own = np.minimum(items[:, column.observed], places)
    codes = items[:, column.latest : column.latest + places][:, ::-1]
    codes = codes[np.arange(places, 0, -1) <= own[:, None]]  # oldest first
    before = np.concatenate([[0], np.cumsum(own)])
    for back in range(1, places + 1):
        index = before[ends] - back
        found = np.zeros(len(ends), np.int64)
        there = index >= before[starts]
        found[there] = codes[index[there]]
        lines[:, column.latest + back - 1] = np.repeat(found, ends - starts)


def _first(lines: Int64, items: Int64, stops: Int64, column: ColumnFields) -> None:
    """Give each line the first observation at or after its item."""
    observed = np.append(np.flatnonzero(items[:, column.observed]), len(items))
    index = observed[np.searchsorted(observed, np.arange(len(items)))]
    there = index < stops
    lines[:, column.first] = 0
    lines[there, column.first] = items[index[there], column.first]


def fit(items: Int64, ends: Int64, fields: Fields) -> Bools:
    """Return for each run whether the sums of all its windows surely fit 64 bits."""
    counts = np.diff(ends, prepend=0)
    checked = items[:, fields.checked]
    if not checked.size:
        return np.ones(len(ends), np.bool_)
    largest = np.maximum(checked.max(axis=1), ~checked.min(axis=1))
    fits: Bools = np.maximum.reduceat(largest, ends - counts) < (1 << 62) // counts
    return fits


def _settled(items: Int64, ends: Int64, fields: Fields) -> Int64:
    """Return for each page since when its lines are right; never, if a sum of them may not fit."""
    visible, until = items[:, VISIBLE], items[:, UNTIL]
    changed = np.where(until == FOREVER, visible, np.maximum(visible, until + 1))
    settled = np.maximum.reduceat(changed, ends - np.diff(ends, prepend=0))
    return np.where(fit(items, ends, fields), settled, FOREVER)


def _begins(items: Int64, ends: Int64, grain: int) -> Bools:
    """Return which items are the first of their grain: a window begins at no other."""
    grains = items[:, POSITION] // np.int64(grain)
    begins = np.ones(len(items), np.bool_)
    begins[1:] = grains[1:] != grains[:-1]
    begins[ends[ends < len(items)]] = True
    return begins


def _texts(lines: Int64, sides: Sequence[Side], fields: Fields) -> bytes:
    """Fill in what lines have of a page's slots, and return the texts that they refer to."""
    texts: list[Any] = []
    last: list[dict[Any, int]] = []
    for place, slot in enumerate(fields.slots):
        values = [side[place] for side in sides]
        if slot.first:
            _first_text(lines[:, slot.line], values, texts)
        elif slot.places:
            newest = [text for each in reversed(values) for text in each][: slot.places]
            lines[:, slot.line : slot.line + len(newest)] = len(texts) + np.arange(len(newest))
            texts += newest
        else:
            lines[::-1, slot.line] = _numbers_different(reversed(values))
            if fields.grain == 1:
                times = lines[:, POSITION].tolist()
                last.append(
                    {v: time for time, each in zip(times, values, strict=True) for v in each}
                )
    return _encode(Texts(texts, last)) if texts or last else b""


def _numbers_different(values: Iterable[list[Any]]) -> list[int]:
    """Return after each list how many values there were that differ."""
    found: set[Any] = set()
    numbers = []
    for each in values:
        found.update(each)
        numbers.append(len(found))
    return numbers


def _first_text(line: Int64, values: list[list[Any]], texts: list[Any]) -> None:
    """Give each line where the first text at or after its item is, and add those texts."""
    for index in range(len(values) - 1, -1, -1):
        if values[index]:
            texts.append(values[index][0])
        line[index] = len(texts) - 1
