"""Folds the rows of a tile into one item, and drops what no request will see again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from lapwise.features.corrections import FOREVER
from lapwise.features.kernel import LEAST, Int64
from lapwise.features.online.fields import POSITION, UNTIL, VISIBLE, Fields, Side, Slot
from lapwise.features.online.lines import fit, suffixes
from lapwise.features.online.page import TILE, Page

__all__ = ["FOLD_ROWS", "Folded", "fold"]

FOLD_ROWS = 4
"""A tile of fewer rows is not worth an item and a page of its own."""

Folded: TypeAlias = tuple[int, int, Page]
"""Which page, the number of a tile of it, and the rows that it was made of."""


def fold(pages: Sequence[Page], fields: Fields, floor: int) -> list[Folded]:
    """Fold each tile that ended before the floor and whose rows nothing changes any more.

    Rows that were corrected before the floor are dropped. What comes later to a tile unfolds it.

    Returns:
        The rows of each tile that was folded now.
    """
    numbers, ends = _together(pages, fields)
    dropped = np.flatnonzero(numbers[:, UNTIL] < floor)
    if len(dropped):
        for page, index in _places(dropped[::-1], ends):
            pages[page].drop(index, index + 1)
        numbers, ends = _together(pages, fields)
    starts, stops = _tiles(numbers, ends, fields, floor)
    if not len(starts):
        return []
    each = np.concatenate([np.arange(*run) for run in zip(starts, stops, strict=True)])
    within = np.cumsum(stops - starts)
    joined = suffixes(numbers[each], within, fields)[within - (stops - starts)]
    chosen = np.flatnonzero(fit(numbers[each], within, fields))[::-1]
    found: list[Folded] = []
    for run, (page, start) in zip(chosen, _places(starts[chosen], ends), strict=True):
        stop = start + int(stops[run] - starts[run])
        rows, item = pages[page].cut(start, stop), joined[run]
        tile = int(item[POSITION]) // fields.tile
        item[[POSITION, VISIBLE, UNTIL]] = tile * fields.tile, LEAST, FOREVER
        side = [_slot(slot, at, rows.sides) for at, slot in enumerate(fields.slots)]
        folded = Page(fields.bytes, bytearray(item.tobytes()), [side], [TILE])
        pages[page].splice(start, stop, folded)
        found.append((page, tile, rows))
    return found


def _together(pages: Sequence[Page], fields: Fields) -> tuple[Int64, Int64]:
    """Return the numbers of all pages, and where those of each end."""
    numbers = np.frombuffer(b"".join([page.items for page in pages]), np.int64)
    return numbers.reshape(-1, fields.width), np.cumsum([len(page) for page in pages])


def _places(items: Int64, ends: Int64) -> Iterator[tuple[int, int]]:
    """Yield of each item its page, and where it is there."""
    pages = np.searchsorted(ends, items, side="right")
    begins = np.concatenate([[0], ends])[pages]
    return zip(pages.tolist(), (items - begins).tolist(), strict=True)


def _tiles(numbers: Int64, ends: Int64, fields: Fields, floor: int) -> tuple[Int64, Int64]:
    """Return the runs of rows that each are a tile which can be folded."""
    positions, visible = numbers[:, POSITION], numbers[:, VISIBLE]
    ended = (positions < floor // fields.tile * fields.tile) & (visible != LEAST)
    rows = np.flatnonzero(ended)
    if len(rows) < FOLD_ROWS:
        return rows[:0], rows[:0]
    tiles, pages = positions[rows] // fields.tile, np.searchsorted(ends, rows, side="right")
    first = np.ones(len(rows), np.bool_)
    first[1:] = (tiles[1:] != tiles[:-1]) | (pages[1:] != pages[:-1])
    starts = np.flatnonzero(first)
    counts = np.diff(starts, append=len(rows))
    settled = (visible[rows] <= floor) & (numbers[rows, UNTIL] == FOREVER)
    wanted = (counts >= FOLD_ROWS) & np.logical_and.reduceat(settled, starts)
    begins = rows[starts[wanted]]
    return begins, begins + counts[wanted]


def _slot(slot: Slot, place: int, sides: list[Side]) -> list[Any]:
    """Join one slot of a tile's rows, which are in order of time."""
    if not slot.places:
        return list(dict.fromkeys(value for side in sides for value in side[place]))
    if slot.first:
        return next((side[place] for side in sides if side[place]), [])
    newest = [value for side in reversed(sides) for value in side[place]]
    return newest[: slot.places]
