"""Rows laid along the axis of examples, and what each window shows of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import polars as pl

from lapwise.features.axis import Axis, places, sort_packed
from lapwise.features.corrections import FOREVER, visible_from
from lapwise.features.kernel import LEAST, Bools, Cover, Int64, window_sum

__all__ = ["Seen", "Window"]


class Window(Protocol):
    """What one length of window shows to each example."""

    @property
    def rows(self) -> Int64:
        """The number of rows that each example sees."""
        ...

    def sum(self, values: Int64) -> Int64:
        """Sum one int64 a row over what each example sees, modulo 2**64."""
        ...

    def last(self, observed: Bools | None) -> Int64:
        """Return the place of the last (observed) row that each example sees, or -1."""
        ...

    def first(self, observed: Bools | None) -> Int64:
        """Return the place of the first (observed) row that each example sees, or -1."""
        ...


class Seen:
    """The rows of the axis's entities, in order of (entity, event, known, key).

    That order is the one of ``first`` and ``last``, so a row's place is its rank. ``order`` holds
    for each place the number of the row in ``live``; ``until`` is None if no row was corrected.
    """

    def __init__(self, axis: Axis, live: pl.DataFrame, by: list[str], key: list[str]) -> None:
        if live["__event"].null_count():
            live = live.filter(pl.col("__event").is_not_null())
        codes = axis.codes_of(live.select(by))
        mine = np.flatnonzero(codes >= 0)
        event = live["__event"].to_numpy()
        if len(mine) < len(codes):
            codes, event = codes[mine], event[mine]
        self.axis, self.live = axis, live
        self.order, self.codes, self.event = sort_packed(codes, event)
        if len(mine) < live.height:
            self.order = mine[self.order]
        self._settle_ties(key)
        self.known = self._ordered("__known")
        until = live["__until"]
        whole = until.is_empty() or until.min() == FOREVER
        self.until = None if whole else self._ordered("__until")
        self.visible = visible_from(self.event, self.known)

    def _ordered(self, name: str) -> Int64:
        return self.live[name].gather(pl.Series(self.order)).to_numpy()

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

    @cached_property
    def contiguous(self) -> bool:
        """Whether rows become visible in their order, so that an example sees a run of them."""
        ascending = (self.visible[1:] >= self.visible[:-1]) | (self.codes[1:] != self.codes[:-1])
        return self.until is None and bool(ascending.all())

    @cached_property
    def start(self) -> Int64:
        """For each row the first example that may see it, whatever the window."""
        axis = self.axis
        return places(axis.codes, axis.times, self.codes, self.visible, after=False)

    @cached_property
    def stop_of_run(self) -> Int64:
        """For each example one past the last row that it may see, if contiguous."""
        axis = self.axis
        return places(self.codes, self.visible, axis.codes, axis.times, after=True)

    def window(self, within: int) -> Window:
        """Return what a window of some microseconds shows."""
        if not self.contiguous:
            return _Ranges(*self.ranges(within), self.axis.size)
        axis, stop = self.axis, self.stop_of_run
        start = places(self.codes, self.event, axis.codes, axis.times - within, after=False)
        return _Runs(np.minimum(start, stop), stop)

    def ranges(self, within: int) -> tuple[Int64, Int64]:
        """Return for each row the range ``[start, stop)`` of examples that see it."""
        last = self.event + within
        if self.until is not None:
            last = np.minimum(last, self.until)
        axis = self.axis
        stop = places(axis.codes, axis.times, self.codes, last, after=True)
        return self.start, np.maximum(stop, self.start)


@dataclass(frozen=True, slots=True)
class _Runs:
    """Each example sees the run of rows ``[start, stop)``: prefix sums, and the run's two ends."""

    start: Int64
    stop: Int64

    @property
    def rows(self) -> Int64:
        return self.stop - self.start

    def sum(self, values: Int64) -> Int64:
        prefix = np.zeros(len(values) + 1, np.int64)
        np.cumsum(values, out=prefix[1:])
        return prefix[self.stop] - prefix[self.start]

    def last(self, observed: Bools | None) -> Int64:
        place = self.stop - 1
        if observed is not None and len(observed):
            before = np.where(observed, np.arange(len(observed)), -1)
            place = np.maximum.accumulate(before)[np.maximum(place, 0)]
        return np.where((place >= self.start) & (self.stop > self.start), place, -1)

    def first(self, observed: Bools | None) -> Int64:
        place = self.start
        if observed is not None and len(observed):
            size = len(observed)
            after = np.where(observed, np.arange(size), size)
            after = np.minimum.accumulate(after[::-1])[::-1]
            place = after[np.minimum(place, size - 1)]
        return np.where((place < self.stop) & (place >= self.start), place, -1)


class _Ranges:
    """Each row is seen by the examples ``[start, stop)``, in any pattern."""

    def __init__(self, start: Int64, stop: Int64, size: int) -> None:
        self.start, self.stop, self.size = start, stop, size
        self.rows = window_sum(start, stop, None, size)

    @cached_property
    def cover(self) -> Cover:
        return Cover.of(self.start, self.stop, self.size)

    def sum(self, values: Int64) -> Int64:
        return window_sum(self.start, self.stop, values, self.size)

    def last(self, observed: Bools | None) -> Int64:
        best = self._greatest(np.arange(len(self.start), dtype=np.int64), observed)
        return np.where(best == LEAST, -1, best)

    def first(self, observed: Bools | None) -> Int64:
        best = self._greatest(~np.arange(len(self.start), dtype=np.int64), observed)
        return np.where(best == LEAST, -1, ~best)

    def _greatest(self, ranks: Int64, observed: Bools | None) -> Int64:
        if observed is not None:
            ranks = np.where(observed, ranks, LEAST)
        return self.cover.greatest(ranks)
