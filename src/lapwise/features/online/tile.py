"""Folds the rows of a tile into one item, and drops what no request will see again."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from lapwise.features.corrections import FOREVER
from lapwise.features.kernel import LEAST, Int64
from lapwise.features.online.fields import (
    POSITION,
    UNFIT,
    UNTIL,
    VISIBLE,
    ColumnFields,
    Fields,
    Side,
    Slot,
)
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
    found: list[Folded] = []
    start = 0
    while start < len(page.rows):
        tile = page.places[start][0] // fields.tile
        end = (tile + 1) * fields.tile
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
            rows = page.cut(start, stop)
            item = _joined(rows, fields, tile)
            if item is not None:
                side = [_slot(slot, place, rows.sides) for place, slot in enumerate(fields.slots)]
                folded = Page([(tile * fields.tile, LEAST, [])], [item], [side], [None])
                page.splice(start, stop, folded)
                found.append((tile, rows))
                stop = start + 1
        start = stop
    return found


def _settled(item: bytes, floor: int) -> bool:
    _, visible, until = times_of(item)
    return bool(visible <= floor and until == FOREVER)


def _joined(rows: Page, fields: Fields, tile: int) -> bytes | None:
    """Return the item of a tile, or None if a sum does not fit one."""
    numbers = np.frombuffer(b"".join(rows.items), np.int64).reshape(-1, fields.width)
    checked = numbers[:, fields.checked]
    if checked.size:
        largest = max(-int(checked.min()), int(checked.max()))
        if largest == -UNFIT or largest * len(numbers) >= 1 << 62:
            return None
    item = np.zeros(fields.width, np.int64)
    item[POSITION], item[VISIBLE], item[UNTIL] = tile * fields.tile, LEAST, FOREVER
    item[fields.added] = numbers[:, fields.added].sum(axis=0)
    item[fields.lesser] = numbers[:, fields.lesser].min(axis=0)
    item[fields.greater] = numbers[:, fields.greater].max(axis=0)
    for column in fields.columns.values():
        _observations(item, numbers, column)
    return item.tobytes()


def _observations(item: Int64, numbers: Int64, column: ColumnFields) -> None:
    """Take over the latest and the first observations of a column."""
    if column.latest < 0 and column.first < 0:
        return
    places = np.flatnonzero(numbers[:, column.observed])
    if not len(places):
        return
    if column.first >= 0:
        item[column.first] = numbers[places[0], column.first]
    if column.latest >= 0:
        newest = numbers[places[::-1][: column.places], column.latest]
        item[column.latest : column.latest + len(newest)] = newest


def _slot(slot: Slot, place: int, sides: list[Side]) -> list[Any]:
    """Join one slot of a tile's rows, which are in order of time."""
    if not slot.places:
        return list(dict.fromkeys(value for side in sides for value in side[place]))
    if slot.first:
        return next((side[place] for side in sides if side[place]), [])
    newest = [value for side in reversed(sides) for value in side[place]]
    return newest[: slot.places]
