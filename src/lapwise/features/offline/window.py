"""The features of one partition: what windows share is computed once."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lapwise.core.errors import FeatureError
from lapwise.features.fixed_point import (
    FixedPoint,
    check_squares,
    exact_window_sum,
    to_fixed_point,
)
from lapwise.features.kernel import (
    LEAST,
    Bools,
    Float64,
    Int64,
    UInt64,
    deviation,
    join_limbs,
    mean_of,
    square_limbs,
    total_of,
)
from lapwise.features.model import Aggregate, FeatureView
from lapwise.features.offline.axis import Axis
from lapwise.features.offline.distinct import distinct, identities
from lapwise.features.offline.later import Later
from lapwise.features.offline.seen import Observed, Seen, Summand, Window
from lapwise.features.rows import Rows, value_name

__all__ = ["aggregate"]


def aggregate(
    view: FeatureView,
    rows: Rows,
    live: pl.DataFrame,
    axis: Axis,
    *,
    known: bool,
    later: Later | None = None,
) -> list[pl.Series]:
    """Compute a view's features for the examples of an axis, in the order in which they were given.

    Args:
        view: what to compute.
        rows: what is known of the table.
        live: rows of :attr:`Rows.scan` with ``__until``; all that concern the axis's entities.
        axis: the examples.
        known: whether to add ``<view>__known``.
        later: the value columns, if the rows are without them.
    """
    seen = Seen(axis, live, rows.by, rows.key, view.grain)
    del live  # what is needed of it from here on is in ``seen``
    if later:
        seen.attach(later)
    computed, ends = _laid(view, rows, seen, known=known)
    del seen  # values are gathered without what told where they lie
    computed |= ends.gathered()
    names = [*view.names, *([f"{view.name}__known"] if known else [])]
    return [computed[name].alias(name) for name in names]


def _laid(
    view: FeatureView, rows: Rows, seen: Seen, *, known: bool
) -> tuple[dict[str, pl.Series], _Ends]:
    """Return the features that are computed, and those that are values yet to be gathered."""
    windows = {feature.within: _Aggregates(seen, feature.within) for _, feature in view.features}
    computed: dict[str, pl.Series] = {}
    ends = _Ends(seen.live)
    for source in ("", *rows.types):  # a column at a time, so that one is in memory
        column = _Column(source, view, seen) if source else None
        for name, feature in view.features:
            if feature.column != source:
                continue
            window = windows[feature.within]
            if column is None:
                computed[name] = window.count()
            elif feature.kind in ("first", "last"):
                ends.add(name, source, window.end(feature, column))
            else:
                computed[name] = window.feature(feature, column)
        for window in windows.values():
            window.forget()
    if known:
        computed[f"{view.name}__known"] = windows[view.widest].known()
    return computed, ends


class _Ends:
    """Features that are values of single rows, gathered when all else is done."""

    def __init__(self, live: pl.DataFrame) -> None:
        self._live = live
        self._rows: list[tuple[pl.Series, dict[str, str]]] = []

    def add(self, name: str, source: str, rows: pl.Series) -> None:
        """Note a feature: the values of a column in some rows, null where the row is null."""
        if not self._rows or self._rows[-1][0] is not rows:
            self._rows.append((rows, {}))
        self._rows[-1][1][name] = source

    def gathered(self) -> dict[str, pl.Series]:
        """Return the features; -0.0 leaves as 0.0."""
        found: dict[str, pl.Series] = {}
        room: dict[np.dtype[Any], NDArray[Any]] = {}
        while self._rows:
            rows, wanted = self._rows.pop()
            present = rows.is_not_null()  # apart: Polars gathers by nulls half as fast
            places = rows.fill_null(0) if self._live.height else rows
            for name, source in wanted.items():
                values = _in_one_piece(self._live[value_name(source)], room).gather(places)
                floating = values.dtype.is_float()
                found[name] = values.set(values == 0.0, 0.0) if floating else values
            chosen = pl.DataFrame([found[name].alias(name) for name in wanted])
            found |= {one.name: one for one in chosen.select(pl.when(present).then(pl.all()))}
        return found


def _in_one_piece(column: pl.Series, room: dict[np.dtype[Any], NDArray[Any]]) -> pl.Series:
    """Return a column that Polars gathers from ten times as fast; it is the room's until the next."""
    if column.n_chunks() == 1 or column.null_count() or not column.dtype.is_numeric():
        return column.rechunk()
    pieces = [piece.to_numpy() for piece in column.get_chunks()]
    whole = room.setdefault(pieces[0].dtype, np.empty(len(column), pieces[0].dtype))
    return pl.Series(np.concatenate(pieces, out=whole))


class _Column:
    """A value column in the order of the rows; NaN is null, and -0.0 leaves as 0.0."""

    def __init__(self, name: str, view: FeatureView, seen: Seen) -> None:
        self.name, self.view, self.seen = name, view, seen
        self.source = seen.live[value_name(name)]
        self.dtype = self.source.dtype
        self._fixed: dict[float | None, FixedPoint] = {}
        self._sums: dict[object, Summand] = {}

    @cached_property
    def values(self) -> pl.Series:
        """The values."""
        values = self.source.gather(pl.Series(self.seen.order))
        return values.fill_nan(None) if self.dtype.is_float() else values

    @cached_property
    def observed(self) -> Observed | None:
        """Where there is a value, or None if there is one everywhere."""
        if self.source.null_count() or (self.dtype.is_float() and self.source.is_nan().any()):
            return Observed(self.values.is_not_null().to_numpy())
        return None

    @cached_property
    def identities(self) -> Int64:
        """A number for each value, -1 for none."""
        return identities(self.values)

    def fixed(self, feature: Aggregate) -> FixedPoint:
        """Return the values in quanta."""
        if feature.quantum not in self._fixed:
            try:
                fixed = to_fixed_point(self.values, feature.quantum, self.where(feature))
            except FeatureError:  # it may be a value that no example sees
                fixed = self._seen_alone(feature)
            self._fixed[feature.quantum] = fixed
        return self._fixed[feature.quantum]

    def squarable(self, feature: Aggregate) -> FixedPoint:
        """Return the values in quanta, refused if a square does not fit."""
        fixed = self.fixed(feature)
        try:
            check_squares(fixed, self.where(feature))
        except FeatureError:  # it may be a value that no example sees
            fixed = self._fixed[feature.quantum] = self._seen_alone(feature)
            check_squares(fixed, self.where(feature))
        return fixed

    def _seen_alone(self, feature: Aggregate) -> FixedPoint:
        """Return the values that an example sees in quanta, the others as nothing."""
        start, stop = self.seen.ranges(self.view.widest)
        values = self.values.zip_with(pl.Series(stop > start), self.values.clear(len(stop)))
        return to_fixed_point(values, feature.quantum, self.where(feature))

    def summands(self, feature: Aggregate) -> Summand:
        """Return the values in quanta, to be summed."""
        return self._summands(feature.quantum, lambda: self.fixed(feature).values)

    def squares(self, feature: Aggregate) -> Summand:
        """Return their squares, where they fit."""
        return self._summands((feature.quantum,), lambda: self.fixed(feature).values ** 2)

    def _summands(self, slot: object, values: Callable[[], Int64]) -> Summand:
        if slot not in self._sums:
            self._sums[slot] = Summand(values())
        return self._sums[slot]

    def extremes(self, pick: np.ufunc) -> tuple[NDArray[Any], Any]:
        """Return the values as numbers, and the number that stands where there is none."""
        values = self.values.to_physical()
        if self.dtype == pl.Boolean:
            values = values.cast(pl.Int8)
        least = pick is np.maximum
        idle: Any = -math.inf if least else math.inf
        if not self.dtype.is_float():
            ends = np.iinfo(values.head(0).to_numpy().dtype)
            idle = ends.min if least else ends.max
        return values.fill_null(idle).to_numpy(), idle

    def where(self, feature: Aggregate) -> str:
        """Return how an error names the feature."""
        return f"view '{self.view.name}': {feature.kind} of column '{self.name}'"


class _Aggregates:
    """All aggregates over one length of window."""

    def __init__(self, seen: Seen, within: int) -> None:
        self._seen, self._within = seen, within
        self._ends: dict[tuple[str, int], pl.Series] = {}
        self.forget()

    def forget(self) -> None:
        """Let go of what was computed of a column."""
        self._counted: Int64 | None = None
        self._sums: dict[float | None, Int64] = {}
        self._squares: dict[float | None, tuple[UInt64, UInt64]] = {}

    @cached_property
    def window(self) -> Window:
        """What each example sees."""
        return self._seen.window(self._within)

    @cached_property
    def most(self) -> int:
        """The greatest number of rows that an example sees."""
        return int(self.window.rows.max())

    def count(self) -> pl.Series:
        """Count the rows."""
        return pl.Series(self._placed(self.window.rows))

    def known(self) -> pl.Series:
        """Return when the latest known of the rows became known."""
        if self._seen.contiguous and self._seen.prompt:
            last = self.window.last(None, 1)
            latest = self._seen.known[last] if len(self._seen.known) else last
            return self._integers(latest, last >= 0)
        latest = self.window.extreme(self._seen.known, np.maximum, LEAST)
        return self._integers(latest, self.window.rows > 0)

    def feature(self, feature: Aggregate, column: _Column) -> pl.Series:
        """Compute a feature of a column."""
        match feature.kind:
            case "min" | "max":
                return self._extreme(feature, column)
            case "distinct":
                ranges = self._seen.ranges(self._within)
                values = distinct(*ranges, column.identities, self._seen.axis.size)
                return pl.Series(self._placed(values))
        s1, n = self._sum(feature, column), self._count(column)
        quantum = column.fixed(feature).quantum
        match feature.kind:
            case "sum" if column.dtype.is_float() or quantum != 1.0:
                return self._floats(np.where(n > 0, total_of(s1, quantum), np.nan))
            case "sum":
                return self._integers(s1, n > 0)
            case "std":
                return self._floats(deviation(n, s1, self._square(feature, column), quantum))
        return self._floats(mean_of(n, s1, quantum))

    def end(self, feature: Aggregate, column: _Column) -> pl.Series:
        """Return the row of the table that a last or first value of a column is from."""
        place = feature.place if feature.kind == "last" else 0
        slot = column.name if column.observed else "", place
        if slot not in self._ends:
            if place:
                found = self.window.last(column.observed, place)
            else:
                found = self.window.first(column.observed)
            self._ends = {
                slot: self._seen.number(self._placed(found))
            }  # the next column often asks the same
        return self._ends[slot]

    def _count(self, column: _Column) -> Int64:
        """Return the number of observations of a column."""
        if column.observed is None:
            return self.window.rows
        if self._counted is None:
            self._counted = self.window.sum(column.observed.number)
        return self._counted

    def _sum(self, feature: Aggregate, column: _Column) -> Int64:
        slot = feature.quantum
        if slot not in self._sums:
            fixed, summands = column.fixed(feature), column.summands(feature)

            def add(values: Int64) -> Int64:
                return self.window.sum(summands if values is fixed.values else Summand(values))

            self._sums[slot] = exact_window_sum(add, fixed, self.most, column.where(feature))
        return self._sums[slot]

    def _square(self, feature: Aggregate, column: _Column) -> tuple[UInt64, UInt64]:
        """Return the sums of squares as 128-bit integers (high, low)."""
        slot = feature.quantum
        if slot not in self._squares:
            fixed = column.squarable(feature)
            if fixed.largest**2 * self.most < 1 << 63:
                low = self.window.sum(column.squares(feature))
                self._squares[slot] = (np.zeros_like(low, np.uint64), low.view(np.uint64))
            else:
                limbs = square_limbs(fixed.values)
                sums = tuple(self.window.sum(Summand(limb)) for limb in limbs)
                self._squares[slot] = join_limbs(sums)
        return self._squares[slot]

    def _extreme(self, feature: Aggregate, column: _Column) -> pl.Series:
        pick = np.minimum if feature.kind == "min" else np.maximum
        values, idle = column.extremes(pick)
        best = self.window.extreme(values, pick, idle)
        if column.dtype.is_float():
            best = best + 0.0  # the lesser of the two zeros is the other
        series = self._integers(best, self._count(column) > 0)
        return series == 1 if column.dtype == pl.Boolean else series.cast(column.dtype)

    def _floats(self, values: Float64) -> pl.Series:
        return pl.Series(self._placed(values), nan_to_null=True)

    def _integers(self, values: NDArray[Any], valid: Bools) -> pl.Series:
        series = pl.Series(self._placed(values))
        return series if valid.all() else series.set(pl.Series(~self._placed(valid)), None)

    def _placed(self, values: NDArray[Any]) -> NDArray[Any]:
        """Put values into the order in which the examples were given."""
        placed: NDArray[Any] = values[self._seen.axis.places]
        return placed
