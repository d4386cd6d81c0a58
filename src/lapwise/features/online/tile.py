"""Folds the rows of a tile into one item, and drops what no request will see again."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from lapwise.features.corrections import FOREVER
from lapwise.features.kernel import LEAST
from lapwise.features.online.fields import POSITION, UNTIL, VISIBLE, Fields, Side, Slot
from lapwise.features.online.lines import fit, suffixes
from lapwise.features.online.page import Page, times_of

__all__ = ["FOLD_ROWS", "Folded", "fold"]

FOLD_ROWS = 4
"""A tile of fewer rows is not worth an item and a page of its own."""

Folded: TypeAlias = tuple[int, Page]
"""The number of a tile, and the rows that it was made of."""


def fold(page: Page, fields: Fields, floor: int) -> list[Folded]:
    """Fold each tile of a page that ended before the floor and whose rows nothing changes any more.

    Rows that were corrected before the floor are dropped. What comes later to a tile unfolds it.

    Returns:
        The rows of each tile that was folded now.
    """
    dropped = [
        index
        for index, row in enumerate(page.rows)
        if row is not None and times_of(page.items[index])[2] < floor
    ]
    for index in reversed(dropped):
        page.splice(index, index + 1, Page.empty())
    return _folded(page, fields, _tiles(page, fields, floor))


def _tiles(page: Page, fields: Fields, floor: int) -> list[tuple[int, int]]:
    """Return where in a page the rows of each tile are that can be folded."""
    found = []
    start = 0
    while start < len(page.rows):
        end = (page.places[start][0] // fields.tile + 1) * fields.tile
        if end > floor:
            break
        stop = start + 1
        while stop < len(page.rows) and page.places[stop][0] < end:
            stop += 1
        if (
            page.rows[start] is not None
            and stop - start >= FOLD_ROWS
            and all(_settled(item, floor) for item in page.items[start:stop])
        ):
            found.append((start, stop))
        start = stop
    return found


def _settled(item: bytes, floor: int) -> bool:
    _, visible, until = times_of(item)
    return bool(visible <= floor and until == FOREVER)


def _folded(page: Page, fields: Fields, tiles: list[tuple[int, int]]) -> list[Folded]:
    """Put one item in place of each tile's rows, unless a sum of them does not fit one."""
    if not tiles:
        return []
    rows = [page.cut(start, stop) for start, stop in tiles]
    numbers = np.concatenate([one.numbers(fields) for one in rows])
    ends = np.cumsum([stop - start for start, stop in tiles])
    joined, fits = suffixes(numbers, ends, fields), fit(numbers, ends, fields)
    found: list[Folded] = []
    for place in reversed(range(len(tiles))):
        (start, stop), one = tiles[place], rows[place]
        if fits[place]:
            position = one.places[0][0] // fields.tile * fields.tile
            item = joined[ends[place] - stop + start]
            item[[POSITION, VISIBLE, UNTIL]] = position, LEAST, FOREVER
            side = [_slot(slot, at, one.sides) for at, slot in enumerate(fields.slots)]
            folded = Page([(position, LEAST, ())], [item.tobytes()], [side], [None])
            page.splice(start, stop, folded)
            found.append((position // fields.tile, one))
    return found


def _slot(slot: Slot, place: int, sides: list[Side]) -> list[Any]:
    """Join one slot of a tile's rows, which are in order of time."""
    if not slot.places:
        return list(dict.fromkeys(value for side in sides for value in side[place]))
    if slot.first:
        return next((side[place] for side in sides if side[place]), [])
    newest = [value for side in reversed(sides) for value in side[place]]
    return newest[: slot.places]
