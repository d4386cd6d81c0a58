"""A view's features for some entities at one time, from the pages that the online store holds.

The items of all entities are joined into one array. Those that are seen lie in order of (entity,
event, known, key), so each window of an entity is a run of them, and what it gives is a reduction
over the run. Numbers leave through ``finish.py``, with the bits that the frame has.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate, chain, compress, repeat
from typing import Any, TypeAlias

import numpy as np
import polars as pl

from lapwise.core.model import Column
from lapwise.features.grain import start_of_one
from lapwise.features.kernel import LEAST
from lapwise.features.model import Aggregate, FeatureView
from lapwise.features.online.codes import from_code
from lapwise.features.online.fields import POSITION, ROWS, UNTIL, VISIBLE, ColumnFields, Fields
from lapwise.features.online.finish import check_sums, finisher
from lapwise.features.online.layout import ColumnLayout
from lapwise.features.online.page import HEAD, Flat, read_sides
from lapwise.features.request import type_of
from lapwise.features.types import feature_type

__all__ = ["Scalars", "Vectors"]

Scalars: TypeAlias = list[Any]
"""One value for each entity, None where there is none."""

_Found: TypeAlias = Callable[["_Seen"], Scalars]


class Vectors:
    """Makes the features of one view whose columns have some types."""

    def __init__(self, view: FeatureView, columns: Sequence[ColumnLayout]) -> None:
        self.view, self.names = view, view.names
        self.fields = Fields(view, columns)
        self.windows = sorted({feature.within for _, feature in view.features})
        places = {within: place for place, within in enumerate(self.windows)}
        self._features = [self._feature(f, places[f.within]) for _, f in view.features]

    def types(self) -> dict[str, pl.DataType]:
        """Return the type of each feature; categories and enums are text."""
        columns = {name: column.layout for name, column in self.fields.columns.items()}
        types = {
            name: type_of(Column(name=name, dtype=layout.dtype)) for name, layout in columns.items()
        }
        return {name: feature_type(one, types.get(one.column)) for name, one in self.view.features}

    def starts(self, at: int) -> list[int]:
        """Return the first event of each window at a time."""
        return [start_of_one(at, within, self.view.grain) for within in self.windows]

    def tails(self, at: int) -> list[int]:
        """Return the tiles in which windows begin, whose rows are needed one by one."""
        tile = self.fields.tile
        if self.view.grain > 1 or tile == 1:
            return []
        return sorted({start // tile for start in self.starts(at) if start % tile})

    def compute(
        self, pages: Sequence[bytes | None], details: Sequence[Sequence[bytes | None]], at: int
    ) -> list[Scalars]:
        """Return one list for each feature: its values for some entities as of a time.

        Args:
            pages: each entity's page.
            details: for each entity the pages of the tiles that :meth:`tails` names; empty if it
                names none.
            at: microseconds.

        Raises:
            FeatureError: a number does not fit its fixed point.
        """
        seen = _Seen(self.view, self.fields, self.starts(at))
        tails = self.tails(at) if details else ()
        for place, page in enumerate(pages):
            seen.add(page, zip(tails, details[place], strict=True) if details else ())
        seen.look(at)
        return [feature(seen) for feature in self._features]

    def _feature(self, feature: Aggregate, window: int) -> _Found:
        """Return what makes a feature of what is seen."""
        column = self.fields.columns.get(feature.column)
        match feature.kind:
            case "distinct":
                slot = self.fields.slot_of[feature.column, "distinct"]
                return lambda seen: seen.distinct(slot, window)
            case "min" | "max" if column is not None:
                least = feature.kind == "min"
                return lambda seen: seen.extreme(column, window, least=least)
            case "last" | "first" if column is not None:
                slot = self.fields.slot_of.get((feature.column, feature.kind), -1)
                back = feature.place if feature.kind == "last" else 0
                return lambda seen: seen.observation(column, window, back, slot)
        finish = finisher(feature, column)
        count = len(self.windows)
        return lambda seen: [finish(added) for added in seen.added[window::count]]


class _Seen:
    """The items of some entities; after :meth:`look`, those that are seen at a time.

    ``runs`` says for each entity and window, the shortest first, where its items are.
    """

    def __init__(self, view: FeatureView, fields: Fields, starts: list[int]) -> None:
        self.view, self.fields, self.starts = view, fields, starts
        self.runs: list[tuple[int, int]] = []
        self._parts: list[bytes] = []
        self._counts: list[list[int]] = [[] for _ in fields.slots]
        self._values: list[list[Any]] = [[] for _ in fields.slots]
        self._ends: list[list[int]] = []
        self._stops: list[int] = []
        self._number = 0
        self._least: list[list[int]] | None = None
        self._greatest: list[list[int]] | None = None

    def add(self, page: bytes | None, details: Any) -> None:
        """Add an entity's page, with the rows of some tiles in place of the tiles."""
        if page is not None:
            width = self.fields.bytes
            number, sides = HEAD.unpack_from(page)
            stop = HEAD.size + number * width
            apart = read_sides(page[stop : stop + sides]) if sides else []
            start = HEAD.size
            for tile, detail in details:
                index = self._folded(page, number, tile) if detail is not None else -1
                if index < 0:
                    continue
                here = HEAD.size + index * width
                count, more = HEAD.unpack_from(detail)
                end = HEAD.size + count * width
                self._parts += (page[start:here], detail[HEAD.size : end])
                start = here + width
                self._number += count - 1
                if sides:
                    _unfold(apart, index + len(apart[0][0]) - number, detail[end : end + more])
            self._parts.append(page[start:stop])
            for slot, (counts, values) in enumerate(apart):
                self._counts[slot] += counts
                self._values[slot] += values
            self._number += number
        self._stops.append(self._number)

    def _folded(self, page: bytes, number: int, tile: int) -> int:
        """Return which item of a page is a tile, -1 if none is."""
        numbers = memoryview(page)[HEAD.size : HEAD.size + number * self.fields.bytes].cast("q")
        width, position = self.fields.width, tile * self.fields.tile
        index = bisect_left(range(number), position, key=lambda i: numbers[i * width])
        if index == number or numbers[index * width] != position:
            return -1
        return index if numbers[index * width + VISIBLE] == LEAST else -1

    def look(self, at: int) -> None:
        """Keep what is visible at a time, and find the windows in it."""
        content = b"".join((*self._parts, self.fields.nothing))
        items = np.frombuffer(content, np.int64).reshape(-1, self.fields.width)
        shown = (items[:, VISIBLE] <= at) & (items[:, UNTIL] >= at)
        if not shown.all():
            before = [0, *np.cumsum(shown).tolist()]
            self._stops = [before[stop] for stop in self._stops]
            self._hide(shown.tolist())
            items = items[shown]
        self.items = items
        self._ends = [[0, *accumulate(counts)] for counts in self._counts]
        positions = items[:, POSITION].tolist()
        low = 0
        for high in self._stops:
            self.runs += [(bisect_left(positions, s, low, high), high) for s in self.starts]
            low = high
        self._bounds = np.array([bound for run in self.runs for bound in run], np.intp)
        self._check()
        self.added = self._reduced(np.add, self.fields.added)

    def _hide(self, shown: list[bool]) -> None:
        """Drop the sides of items that are not seen."""
        for slot, counts in enumerate(self._counts):
            of_each = chain.from_iterable(map(repeat, shown, counts))
            self._values[slot] = list(compress(self._values[slot], of_each))
            self._counts[slot] = list(compress(counts, shown))

    def _reduced(self, how: np.ufunc, block: slice) -> list[list[int]]:
        """Reduce some numbers over each run; those of an empty run are 0."""
        numbers = self.items[:, block]
        if not self.runs:
            return []
        made: list[list[int]] = how.reduceat(numbers, self._bounds, axis=0)[::2].tolist()
        for place, (start, stop) in enumerate(self.runs):
            if start == stop:
                made[place] = [0] * numbers.shape[1]
        return made

    def _check(self) -> None:
        """Refuse sums that do not fit; where they surely do, it costs two reductions."""
        checked = self.items[:, self.fields.checked]
        if not checked.size:
            return
        largest = max(-int(checked.min()), int(checked.max()))
        if largest * len(checked) < 1 << 63:
            return
        added: list[list[int]] = self.items[:, self.fields.added].tolist()
        for start, stop in self.runs:
            check_sums(self.view, self.fields.columns, added[start:stop])

    def extreme(self, column: ColumnFields, window: int, *, least: bool) -> Scalars:
        """Return the least or the greatest value of a window of each entity."""
        if least:
            if self._least is None:
                self._least = self._reduced(np.minimum, self.fields.lesser)
            codes, place = self._least, column.least - self.fields.lesser.start
        else:
            if self._greatest is None:
                self._greatest = self._reduced(np.maximum, self.fields.greater)
            codes, place = self._greatest, column.greatest - self.fields.greater.start
        observed, layout, step = column.observed - ROWS, column.layout, len(self.starts)
        return [
            from_code(code[place], layout) if added[observed] else None
            for code, added in zip(codes[window::step], self.added[window::step], strict=True)
        ]

    def observation(self, column: ColumnFields, window: int, back: int, slot: int) -> Scalars:
        """Return an observation of a window of each entity: the ``back``-th latest, or the first.

        Args:
            column: whose observation.
            window: which window.
            back: 1 for the latest; 0 for the first.
            slot: where it is kept if it is no number, else -1.
        """
        found: Scalars = []
        for start, stop in self.runs[window :: len(self.starts)]:
            index, place = self._observed(column.observed, start, stop, back)
            if index < 0:
                found.append(None)
            elif slot >= 0:
                found.append(self._values[slot][self._ends[slot][index] + place])
            else:
                code = (column.latest if back else column.first) + place
                found.append(from_code(self.items.item(index, code), column.layout))
        return found

    def _observed(self, observed: int, start: int, stop: int, back: int) -> tuple[int, int]:
        """Return the item of a run that has an observation, and which of its own it is; else -1."""
        item = self.items.item
        if not back:
            for index in range(start, stop):
                if item(index, observed):
                    return index, 0
            return -1, 0
        for index in range(stop - 1, start - 1, -1):
            number = item(index, observed)
            if number >= back:
                return index, back - 1
            back -= number
        return -1, 0

    def distinct(self, slot: int, window: int) -> Scalars:
        """Count the values of a window of each entity that differ."""
        ends, values = self._ends[slot], self._values[slot]
        return [
            len(set(values[ends[start] : ends[stop]]))
            for start, stop in self.runs[window :: len(self.starts)]
        ]


def _unfold(apart: list[Flat], index: int, content: bytes) -> None:
    """Put the sides of a tile's rows in place of the tile's."""
    for (counts, values), (more, others) in zip(apart, read_sides(content), strict=True):
        start = sum(counts[:index])
        values[start : start + counts[index]] = others
        counts[index : index + 1] = more
