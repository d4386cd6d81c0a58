"""What the numbers of an item are: the online store keeps rows, and tiles of rows, in one form.

An item is a row of int64 numbers. Its first three say where it lies in time; then come numbers that
are added when items are joined, then those of which the least and the greatest are taken, then codes
of the latest and the first observations. A single row and the sum of a thousand look alike, so a
window is a run of items, and what it gives is three reductions over that run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from lapwise.features.corrections import FOREVER
from lapwise.features.kernel import LEAST
from lapwise.features.model import FeatureView
from lapwise.features.online.layout import ColumnLayout

__all__ = [
    "GREATEST",
    "POSITION",
    "ROWS",
    "UNFIT",
    "UNTIL",
    "VISIBLE",
    "ColumnFields",
    "Fields",
    "Side",
    "Slot",
]

POSITION, VISIBLE, UNTIL, ROWS = 0, 1, 2, 3
"""The event of a row or the beginning of a tile; the first and the last time that sees it; how many
rows it is."""

GREATEST = np.iinfo(np.int64).max
UNFIT = LEAST
"""What stands for a number that does not fit its quantum: an error for whoever sees it."""

Side: TypeAlias = list[list[Any]]
"""What of an item is not a number: for each slot its values."""

_SHORTEST_TILES = 64


@dataclass(frozen=True, slots=True)
class Slot:
    """Values of a column that an item keeps as they are.

    ``places`` is how many of the latest (or with ``first`` of the first) observations; 0 is all that
    differ.
    """

    column: int
    places: int
    first: bool = False


@dataclass(slots=True)
class ColumnFields:
    """Where the numbers of one column are; -1 for those that no feature needs.

    ``sums`` and ``squares`` are by quantum; ``squares`` names three limbs in base 2**32, the lowest
    first. ``latest`` is the first of ``places`` codes, the newest first.
    """

    place: int
    layout: ColumnLayout
    observed: int
    sums: dict[float | None, int]
    squares: dict[float | None, tuple[int, int, int]]
    least: int = -1
    greatest: int = -1
    latest: int = -1
    places: int = 0
    first: int = -1


class Fields:
    """The numbers of a view's items.

    Attributes:
        width: how many there are.
        tile: microseconds of a tile.
        columns: the fields of each value column, by name.
        slots: what items keep beside numbers.
        added: the numbers that are added.
        checked: those among them that may not fit: sums, and the highest limbs of squares.
        lesser: the numbers of which the least is taken.
        greater: the numbers of which the greatest is taken.
        nothing: an item that no window sees anything in, as bytes.
    """

    def __init__(self, view: FeatureView, columns: Sequence[ColumnLayout]) -> None:
        exact = view.grain == 1
        self.tile = max(view.widest // _SHORTEST_TILES, 1) if exact else view.grain
        self.slots: list[Slot] = []
        self.slot_of: dict[tuple[str, str], int] = {}
        self.columns: dict[str, ColumnFields] = {}
        self._next = ROWS + 1
        for place, layout in enumerate(columns):
            self.columns[layout.name] = ColumnFields(place, layout, self._take(), {}, {})
        self._sums(view)
        self._extremes(view)
        self._observations(view)
        self.width = self._next
        self.bytes = 8 * self.width
        nothing = np.zeros(self.width, np.int64)
        nothing[VISIBLE], nothing[UNTIL] = LEAST, FOREVER
        self.nothing = nothing.tobytes()

    def _take(self, number: int = 1) -> int:
        place = self._next
        self._next += number
        return place

    def _sums(self, view: FeatureView) -> None:
        summed = [f for _, f in view.features if f.kind in ("sum", "mean", "std", "rate")]
        wanted = dict.fromkeys((f.column, f.quantum) for f in summed)
        squared = dict.fromkeys((f.column, f.quantum) for f in summed if f.kind == "std")
        limbs = {each: (self._take(), self._take()) for each in squared}
        start = self._next
        for name, quantum in wanted:
            self.columns[name].sums[quantum] = self._take()
        for (name, quantum), (low, middle) in limbs.items():
            self.columns[name].squares[quantum] = (low, middle, self._take())
        self.added = slice(ROWS, self._next)
        self.checked = slice(start, self._next)

    def _extremes(self, view: FeatureView) -> None:
        start = self._next
        for name in dict.fromkeys(f.column for _, f in view.features if f.kind == "min"):
            self.columns[name].least = self._take()
        middle = self._next
        for name in dict.fromkeys(f.column for _, f in view.features if f.kind == "max"):
            self.columns[name].greatest = self._take()
        self.lesser, self.greater = slice(start, middle), slice(middle, self._next)

    def _observations(self, view: FeatureView) -> None:
        for _, feature in view.features:
            if feature.kind not in ("last", "first", "distinct"):
                continue
            column = self.columns[feature.column]
            if feature.kind == "last":
                column.places = max(column.places, feature.place)
            if feature.kind == "distinct":
                self._slot(feature.column, "distinct", Slot(column.place, 0))
            elif feature.kind == "first" and column.layout.storage == "text":
                self._slot(feature.column, "first", Slot(column.place, 1, first=True))
            elif feature.kind == "first" and column.first < 0:
                column.first = self._take()
        for name, column in self.columns.items():
            if column.places and column.layout.storage == "text":
                self._slot(name, "last", Slot(column.place, column.places))
            elif column.places:
                column.latest = self._take(column.places)

    def _slot(self, name: str, kind: str, slot: Slot) -> None:
        if (name, kind) not in self.slot_of:
            self.slot_of[name, kind] = len(self.slots)
            self.slots.append(slot)
