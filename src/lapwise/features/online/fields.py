"""What the numbers of an item are: the online store keeps rows, tiles and windows in one form.

An item is a row of int64 numbers. Its first three say where it lies in time; then come numbers that
are added when items are joined, then those of which the least and the greatest are taken, then codes
of the latest and the first observations. A single row and the sum of a thousand look alike.

A line is an item that is the sum of itself and of all later ones: a whole window. It has numbers
more for what is no number of one item: how many values differ, and which texts are the latest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, TypeAlias

import numpy as np

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
    "Line",
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

Line: TypeAlias = tuple[Any, ...]
"""The numbers of a line; where a view keeps texts, theirs come after them in one list."""

_SHORTEST_TILES = 64


@dataclass(frozen=True, slots=True)
class Slot:
    """Values of a column that an item keeps as they are.

    ``places`` is how many of the latest (or with ``first`` of the first) observations; 0 is all that
    differ. ``line`` is the number that a line has of them: how many differ, or the first of
    ``places`` that say where in the lines' texts they are, the newest first.
    """

    column: int
    places: int
    line: int
    first: bool = False


@dataclass(slots=True)
class ColumnFields:
    """Where the numbers of one column are; -1 for those that no feature needs.

    ``sums`` and ``squares`` are by quantum; ``squares`` names three limbs in base 2**32, the lowest
    first. ``latest`` is the first of ``places`` codes, the newest first; of texts these, ``first`` and
    ``distinct`` are numbers of lines alone.
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
    distinct: int = -1

    @property
    def is_text(self) -> bool:
        """Whether its observations are kept as they are."""
        return self.layout.storage == "text"


class Fields:
    """The numbers of a view's items.

    Attributes:
        width: how many an item has.
        bytes: what those of an item take.
        line: how many a line has.
        grain: the view's, microseconds.
        tile: microseconds of a tile.
        columns: the fields of each value column, by name.
        slots: what items keep beside numbers.
        added: the numbers that are added.
        checked: those among them that may not fit: sums, and the highest limbs of squares.
        lesser: the numbers of which the least is taken.
        greater: the numbers of which the greatest is taken.
        texts: whether lines refer to texts.
        unpack: returns a line from a buffer and a place in it.
        nothing: the line of an empty window.
    """

    def __init__(self, view: FeatureView, columns: Sequence[ColumnLayout]) -> None:
        self.grain = view.grain
        exact = view.grain == 1
        self.tile = max(view.widest // _SHORTEST_TILES, 1) if exact else view.grain
        self.slots: list[Slot] = []
        self.columns: dict[str, ColumnFields] = {}
        self._next = ROWS + 1
        for place, layout in enumerate(columns):
            self.columns[layout.name] = ColumnFields(place, layout, self._take(), {}, {})
        self._sums(view)
        self._extremes(view)
        self._observations(view)
        self.width = self._next
        self.bytes = 8 * self.width
        self._slots(view)
        self.line = self._next
        self.texts = any(slot.places for slot in self.slots)
        self.unpack = Struct(f"<{self.line}q").unpack_from
        self.nothing: Line = (0,) * self.line

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
            column = self.columns.get(feature.column)
            if column is None or column.is_text:
                continue
            if feature.kind == "last":
                column.places = max(column.places, feature.place)
            elif feature.kind == "first" and column.first < 0:
                column.first = self._take()
        for column in self.columns.values():
            if column.places:
                column.latest = self._take(column.places)

    def _slots(self, view: FeatureView) -> None:
        for _, feature in view.features:
            column = self.columns.get(feature.column)
            if column is None:
                continue
            if feature.kind == "distinct" and column.distinct < 0:
                column.distinct = self._slot(column, 0)
            elif column.is_text and feature.kind == "last":
                column.places = max(column.places, feature.place)
            elif column.is_text and feature.kind == "first" and column.first < 0:
                column.first = self._slot(column, 1, first=True)
        for column in self.columns.values():
            if column.places and column.latest < 0:
                column.latest = self._slot(column, column.places)

    def _slot(self, column: ColumnFields, places: int, *, first: bool = False) -> int:
        line = self._take(max(places, 1))
        self.slots.append(Slot(column.place, places, line, first))
        return line
