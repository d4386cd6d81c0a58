"""Rows laid along the axis of examples, and what each window shows of them."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lapwise.features.corrections import FOREVER, visible_from
from lapwise.features.grain import last_sight, start_of
from lapwise.features.kernel import LEAST, Bools, Cover, Int64, Runs, window_sum
from lapwise.features.offline.axis import Axis, Timeline, in_order, sort_pairs, whole
from lapwise.features.offline.later import Later
from lapwise.features.offline.layers import Layers

__all__ = ["Observed", "Seen", "Summand", "Window"]


class Summand:
    """One int64 a row, and its prefix sums, which all windows share."""

    def __init__(self, values: Int64) -> None:
        self.values = values

    @cached_property
    def prefix(self) -> Int64:
        """For each place the sum of all before it, modulo 2**64."""
        prefix = np.empty(len(self.values) + 1, np.int64)
        prefix[0] = 0
        np.cumsum(self.values, out=prefix[1:])
        return prefix


class Observed:
    """Which rows have a value in a column."""

    def __init__(self, mask: Bools) -> None:
        self.mask = mask

    @cached_property
    def number(self) -> Summand:
        """One for each row that has a value."""
        return Summand(self.mask.astype(np.int64))

    @cached_property
    def places(self) -> Int64:
        """The places of the rows that have a value, and one more, -1."""
        return np.append(np.flatnonzero(self.mask), -1)


class Window(Protocol):
    """What one length of window shows to each example; ``observed`` None stands for all rows."""

    @property
    def rows(self) -> Int64:
        """The number of rows that each example sees."""
        ...

    def sum(self, summand: Summand) -> Int64:
        """Sum over what each example sees, modulo 2**64."""
        ...

    def last(self, observed: Observed | None, place: int) -> Int64:
        """Return the row that each example sees in a place from the last, 1, or -1."""
        ...

    def first(self, observed: Observed | None) -> Int64:
        """Return the first row that each example sees, or -1."""
        ...

    def extreme(self, values: NDArray[Any], pick: np.ufunc, idle: Any) -> NDArray[Any]:
        """Return the greatest (``np.maximum``) or least value seen; ``idle`` if there is none."""
        ...


class Seen:
    """The rows of the axis's entities, in order of (entity, event, known, key).

    That order is the one of ``first`` and ``last``, so a row's place is its rank. ``order`` holds
    for each place the number of the row in ``live``; ``until`` is None if no row was corrected.
    """

    def __init__(
        self, axis: Axis, live: pl.DataFrame, by: list[str], key: list[str], grain: int
    ) -> None:
        if live["__event"].null_count():
            live = live.filter(pl.col("__event").is_not_null())
        codes = axis.codes_of(live.select(by))
        event = whole(live["__event"])
        mine = np.flatnonzero(codes >= 0) if (codes < 0).any() else None
        if mine is not None:
            codes, event = codes[mine], event[mine]
        self.axis, self.live, self.grain = axis, live, grain
        self.order, self.codes, self.event = sort_pairs(codes, event, over=True)
        del codes, event  # not kept beside the sorted ones
        if mine is not None:
            self.order = mine.astype(np.uint32)[self.order]
        self._settle_ties(key)
        stands = live.select(pl.col("__until").min()).item() in (None, FOREVER)
        self.until = None if stands else self._ordered("__until")
        self.live = live.drop("__until", *by, *key)

    def attach(self, later: Later) -> None:
        """Read the rows' value columns, with nothing beside them that can go."""
        if self.prompt:
            _ = self.timeline  # takes the place of codes and events
        self.live = self.live.drop("__event", *(["__known"] if self.prompt else []))
        values = later.read()
        self.live = self.live.hstack(values) if self.live.width else values

    def _ordered(self, name: str) -> Int64:
        return in_order(whole(self.live[name]), self.order)

    def _settle_ties(self, key: list[str]) -> None:
        """Sort the rows that are equal in entity and event by (known, key)."""
        equal = (self.event[1:] == self.event[:-1]) & (self.codes[1:] == self.codes[:-1])
        if not equal.any():
            return
        tied = np.zeros(len(self.order), np.bool_)
        tied[1:] |= equal
        tied[:-1] |= equal
        group = np.cumsum(np.concatenate([[True], ~equal]))[tied]
        members = pl.Series("__row", self.order[tied])
        ties = self.live.select("__known", *key)[members]
        ties = ties.with_columns(members, __group=pl.Series(group))
        order = self.order.copy()  # it may be a view of memory that Polars owns
        order[tied] = ties.sort("__group", "__known", *key)["__row"].to_numpy()
        self.order = order

    def number(self, places: Int64) -> pl.Series:
        """Return the numbers in ``live`` of the rows at some places, null at -1."""
        if not len(self.order):
            return pl.Series(dtype=pl.Int64).extend_constant(None, len(places))
        numbers = pl.Series(self.order[np.maximum(places, 0)])
        missing = places < 0
        return numbers.set(pl.Series(missing), None) if missing.any() else numbers

    @cached_property
    def prompt(self) -> bool:
        """Whether every row is known when it happens."""
        late = pl.col("__known").ne_missing(pl.col("__event")).any()
        return not self.live.select(late).item()

    @cached_property
    def known(self) -> Int64:
        """For each row when it became known."""
        return self.event if self.prompt else self._ordered("__known")

    @cached_property
    def visible(self) -> Int64:
        """For each row the first moment of an example that sees it."""
        return visible_from(self.event, self.known)

    @cached_property
    def contiguous(self) -> bool:
        """Whether rows become visible in their order, so that an example sees a run of them."""
        if self.until is not None or self.prompt:
            return self.until is None
        ascending = (self.visible[1:] >= self.visible[:-1]) | (self.codes[1:] != self.codes[:-1])
        return bool(ascending.all())

    @cached_property
    def timeline(self) -> Timeline:
        """The rows' codes and events, for examples to find themselves in, in place of the two."""
        codes, event = self.codes, self.event
        del self.codes, self.event
        return Timeline(codes, event, over=True)

    @cached_property
    def codes(self) -> Int64:
        """For each row the code of its entity."""
        return self.timeline.pairs()[0]

    @cached_property
    def event(self) -> Int64:
        """For each row when it happened."""
        return self.timeline.pairs()[1]

    @cached_property
    def start(self) -> Int64:
        """For each row the first example that may see it, whatever the window."""
        return self.axis.timeline.count(self.codes, self.visible, after=False)

    @cached_property
    def stop_of_run(self) -> Int64:
        """For each example one past the last row that it may see, if contiguous."""
        axis = self.axis
        if self.prompt:  # what happened before the example
            return self.timeline.count(axis.codes, axis.times, after=False)
        return Timeline(self.codes, self.visible).count(axis.codes, axis.times, after=True)

    def window(self, within: int) -> Window:
        """Return what a window of some microseconds shows."""
        if self.contiguous:
            return _Runs(self, within)
        return _Ranges(*self.ranges(within), self.axis.size)

    def ranges(self, within: int) -> tuple[Int64, Int64]:
        """Return for each row the range ``[start, stop)`` of examples that see it."""
        last = last_sight(self.event, within, self.grain)
        if self.until is not None:
            last = np.minimum(last, self.until)
        stop = self.axis.timeline.count(self.codes, last, after=True)
        return self.start, np.maximum(stop, self.start)


class _Runs:
    """Each example sees the run of rows ``[start, stop)``: prefix sums, and the run's two ends."""

    def __init__(self, seen: Seen, within: int) -> None:
        self._seen = seen
        self._from = start_of(seen.axis.times, within, seen.grain)
        self.stop = seen.stop_of_run

    @cached_property
    def start(self) -> Int64:
        """For each example the first row that it sees."""
        seen = self._seen
        start = seen.timeline.count(seen.axis.codes, self._from, after=False)
        return np.minimum(start, self.stop)

    @cached_property
    def rows(self) -> Int64:
        return self.stop - self.start

    @cached_property
    def runs(self) -> Runs:
        """The runs, prepared for extremes."""
        return Runs.of(self.start, self.stop)

    def sum(self, summand: Summand) -> Int64:
        prefix = summand.prefix
        return prefix[self.stop] - prefix[self.start]

    def last(self, observed: Observed | None, place: int) -> Int64:
        row = self.stop - place
        if observed is not None:
            row = observed.places[np.maximum(observed.number.prefix[self.stop] - place, -1)]
        return self._shown(row)

    def first(self, observed: Observed | None) -> Int64:
        row = self.start
        if observed is not None:
            row = observed.places[observed.number.prefix[row]]
        return np.where((row >= self.start) & (row < self.stop), row, -1)

    def _shown(self, row: Int64) -> Int64:
        """Return the rows of the example's entity that did not happen before its window, else -1."""
        seen = self._seen
        if not len(seen.order):
            return np.full(len(row), -1, np.int64)
        at = np.maximum(row, 0)
        mine = seen.timeline.reached(at, seen.axis.codes, self._from)
        mine &= row >= 0
        return np.where(mine, row, -1)

    def extreme(self, values: NDArray[Any], pick: np.ufunc, idle: Any) -> NDArray[Any]:
        return self.runs.extreme(values, pick, idle)


class _Ranges:
    """Each row is seen by the examples ``[start, stop)``, in any pattern."""

    def __init__(self, start: Int64, stop: Int64, size: int) -> None:
        self.start, self.stop, self.size = start, stop, size
        self.rows = window_sum(start, stop, None, size)
        self._layers: tuple[Observed | None, Layers] | None = None

    @cached_property
    def cover(self) -> Cover:
        """The ranges, prepared for extremes."""
        return Cover.of(self.start, self.stop, self.size)

    def sum(self, summand: Summand) -> Int64:
        return window_sum(self.start, self.stop, summand.values, self.size)

    def last(self, observed: Observed | None, place: int) -> Int64:
        if place == 1:
            best = self._greatest(np.arange(len(self.start), dtype=np.int64), observed)
            return np.where(best == LEAST, -1, best)
        if self._layers is None or self._layers[0] is not observed:
            shown = self.stop > self.start if observed is None else observed.mask
            rows = np.flatnonzero(shown)
            layers = Layers(rows, self.start[rows], self.stop[rows], self.size)
            self._layers = observed, layers
        return self._layers[1].row(place)

    def first(self, observed: Observed | None) -> Int64:
        best = self._greatest(~np.arange(len(self.start), dtype=np.int64), observed)
        return np.where(best == LEAST, -1, ~best)

    def _greatest(self, ranks: Int64, observed: Observed | None) -> Int64:
        if observed is not None:
            ranks = np.where(observed.mask, ranks, LEAST)
        return self.cover.greatest(ranks)

    def extreme(self, values: NDArray[Any], pick: np.ufunc, idle: Any) -> NDArray[Any]:
        return self.cover.extreme(values, pick, idle)
