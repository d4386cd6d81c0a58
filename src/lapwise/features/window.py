"""The features of one partition: what windows share is computed once."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import polars as pl

from lapwise.core.errors import FeatureError
from lapwise.features.axis import Axis
from lapwise.features.fixed_point import (
    FixedPoint,
    check_squares,
    exact_window_sum,
    to_fixed_point,
)
from lapwise.features.kernel import (
    LEAST,
    Bools,
    Cover,
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
from lapwise.features.rows import Rows, value_name
from lapwise.features.seen import Seen, Window

__all__ = ["aggregate"]


def aggregate(
    view: FeatureView, rows: Rows, live: pl.DataFrame, axis: Axis, *, known: bool
) -> list[pl.Series]:
    """Compute a view's features for the examples of an axis, in the axis's order.

    Args:
        view: what to compute.
        rows: what is known of the table.
        live: rows of :attr:`Rows.scan` with ``__until``; all that concern the axis's entities.
        axis: the examples.
        known: whether to add ``<view>__known``.
    """
    seen = Seen(axis, live, rows.by, rows.key)
    columns = {name: _Column(name, view, seen) for name in rows.types}
    windows: dict[int, _Aggregates] = {}
    series = []
    for name, feature in view.features:
        window = windows.setdefault(feature.within, _Aggregates(seen, feature.within))
        column = columns.get(feature.column)
        computed = window.count() if column is None else window.feature(feature, column)
        series.append(computed.alias(name))
    if known:
        window = _Aggregates(seen, view.widest)
        latest = window.cover.greatest(seen.known)
        series.append(_integers(latest, latest != LEAST).alias(f"{view.name}__known"))
    return series


class _Column:
    """A value column in the order of the rows; NaN is null, and -0.0 leaves as 0.0."""

    def __init__(self, name: str, view: FeatureView, seen: Seen) -> None:
        self.name, self.view, self.seen = name, view, seen
        self.source = seen.live[value_name(name)]
        self.dtype = self.source.dtype
        self._fixed: dict[float | None, FixedPoint] = {}

    @cached_property
    def values(self) -> pl.Series:
        """The values."""
        values = self.source.gather(pl.Series(self.seen.order))
        return values.fill_nan(None) if self.dtype.is_float() else values

    @cached_property
    def observed(self) -> Bools | None:
        """Where there is a value, or None if there is one everywhere."""
        if self.source.null_count() or (self.dtype.is_float() and self.source.is_nan().any()):
            return self.values.is_not_null().to_numpy()
        return None

    def at(self, place: Int64) -> pl.Series:
        """Return the values at some places, null at -1."""
        if not len(self.seen.order):
            return pl.Series(dtype=self.dtype).extend_constant(None, len(place))
        row = _integers(self.seen.order[np.maximum(place, 0)], place >= 0)
        values = self.source.gather(row)
        return values.set(values == 0.0, 0.0) if self.dtype.is_float() else values

    def fixed(self, feature: Aggregate) -> FixedPoint:
        """Return the values in quanta."""
        if feature.quantum not in self._fixed:
            where = self.where(feature)
            try:
                fixed = to_fixed_point(self.values, feature.quantum, where)
            except FeatureError:  # it may be a value that no example sees
                start, stop = self.seen.ranges(self.view.widest)
                values = self.values.zip_with(pl.Series(stop > start), self.values.clear(len(stop)))
                fixed = to_fixed_point(values, feature.quantum, where)
            self._fixed[feature.quantum] = fixed
        return self._fixed[feature.quantum]

    def where(self, feature: Aggregate) -> str:
        """Return how an error names the feature."""
        return f"view '{self.view.name}': {feature.kind} of column '{self.name}'"


class _Aggregates:
    """All aggregates over one length of window."""

    def __init__(self, seen: Seen, within: int) -> None:
        self._seen, self._within = seen, within
        self._counts: dict[str, Int64] = {}
        self._sums: dict[tuple[str, float | None], Int64] = {}
        self._squares: dict[tuple[str, float | None], tuple[UInt64, UInt64]] = {}

    @cached_property
    def window(self) -> Window:
        """What each example sees."""
        return self._seen.window(self._within)

    @cached_property
    def cover(self) -> Cover:
        """The same, prepared for maxima."""
        return Cover.of(*self._seen.ranges(self._within), self._seen.axis.size)

    @cached_property
    def most(self) -> int:
        """The greatest number of rows that an example sees."""
        return int(self.window.rows.max())

    def count(self) -> pl.Series:
        """Count the rows."""
        return pl.Series(self.window.rows)

    def feature(self, feature: Aggregate, column: _Column) -> pl.Series:
        """Compute a feature of a column."""
        match feature.kind:
            case "last":
                return column.at(self.window.last(column.observed))
            case "first":
                return column.at(self.window.first(column.observed))
            case "min" | "max":
                return self._extreme(feature, column)
        s1, n, quantum = (
            self._sum(feature, column),
            self._count(column),
            column.fixed(feature).quantum,
        )
        match feature.kind:
            case "sum" if column.dtype.is_float() or quantum != 1.0:
                return _floats(np.where(n > 0, total_of(s1, quantum), np.nan))
            case "sum":
                return _integers(s1, n > 0)
            case "std":
                return _floats(deviation(n, s1, self._square(feature, column), quantum))
        return _floats(mean_of(n, s1, quantum))

    def _count(self, column: _Column) -> Int64:
        """Return the number of observations of a column."""
        if column.observed is None:
            return self.window.rows
        if column.name not in self._counts:
            self._counts[column.name] = self.window.sum(column.observed.astype(np.int64))
        return self._counts[column.name]

    def _sum(self, feature: Aggregate, column: _Column) -> Int64:
        slot = (column.name, feature.quantum)
        if slot not in self._sums:
            fixed, where = column.fixed(feature), column.where(feature)
            self._sums[slot] = exact_window_sum(self.window.sum, fixed, self.most, where)
        return self._sums[slot]

    def _square(self, feature: Aggregate, column: _Column) -> tuple[UInt64, UInt64]:
        """Return the sums of squares as 128-bit integers (high, low)."""
        slot = (column.name, feature.quantum)
        if slot not in self._squares:
            fixed = column.fixed(feature)
            check_squares(fixed, column.where(feature))
            if fixed.largest**2 * self.most < 1 << 63:
                limbs: tuple[Int64, ...] = (self.window.sum(fixed.values**2),)
                self._squares[slot] = (np.zeros_like(limbs[0], np.uint64), limbs[0].view(np.uint64))
            else:
                limbs = tuple(self.window.sum(limb) for limb in square_limbs(fixed.values))
                self._squares[slot] = join_limbs(limbs)
        return self._squares[slot]

    def _extreme(self, feature: Aggregate, column: _Column) -> pl.Series:
        flip = np.int64(-1 if feature.kind == "min" else 0)
        ordered = _ordered(column.values) ^ flip
        if column.observed is not None:
            ordered = np.where(column.observed, ordered, LEAST)
        best = self.cover.greatest(ordered) ^ flip
        return _unordered(best, self._count(column) > 0, column.dtype)


def _floats(values: Float64) -> pl.Series:
    return pl.Series(values, nan_to_null=True)


def _integers(values: Int64, valid: Bools) -> pl.Series:
    series = pl.Series(values)
    return series if valid.all() else series.set(pl.Series(~valid), None)


_MAGNITUDE = np.int64(2**63 - 1)
_SIGN = np.uint64(1 << 63)


def _ordered(column: pl.Series) -> Int64:
    """Map values to int64 in the same order; nulls to anything."""
    if column.dtype.is_float():
        bits = (column.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0).view(np.int64)
        return bits ^ ((bits >> np.int64(63)) & _MAGNITUDE)
    if column.dtype == pl.UInt64:
        return (column.fill_null(0).to_numpy() ^ _SIGN).view(np.int64)
    return column.to_physical().cast(pl.Int64).fill_null(0).to_numpy()


def _unordered(ordered: Int64, valid: Bools, dtype: pl.DataType) -> pl.Series:
    """Undo :func:`_ordered`; where not ``valid``, null."""
    ordered = np.where(valid, ordered, 0)
    if dtype.is_float():
        bits = ordered ^ ((ordered >> np.int64(63)) & _MAGNITUDE)
        series = pl.Series(bits.view(np.float64))
    elif dtype == pl.UInt64:
        series = pl.Series(np.where(valid, ordered.view(np.uint64) ^ _SIGN, np.uint64(0)))
    else:
        series = pl.Series(ordered)
    if not valid.all():
        series = series.set(pl.Series(~valid), None)
    return series == 1 if dtype == pl.Boolean else series.cast(dtype)
