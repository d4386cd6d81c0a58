"""Rows of a table, made ready for the online store: one frame operation for all views together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lapwise.core.errors import FeatureError
from lapwise.features.corrections import FOREVER
from lapwise.features.fixed_point import SQUARE_BITS, SUM_BITS, in_quanta, quantum_of
from lapwise.features.kernel import LEAST, Bools, Int64, square_limbs
from lapwise.features.model import FeatureView
from lapwise.features.online.codes import to_codes
from lapwise.features.online.fields import (
    GREATEST,
    POSITION,
    ROWS,
    UNFIT,
    UNTIL,
    VISIBLE,
    ColumnFields,
    Fields,
    Side,
)
from lapwise.features.online.layout import ColumnLayout, Kept, column_layout, type_text
from lapwise.features.rows import check_table, selection, value_name

__all__ = ["Batch", "Plan", "Shape", "ViewRows", "shape_of"]


@dataclass(frozen=True, slots=True)
class Shape:
    """The types of a view's key, entity and values, as the store keeps them."""

    key: tuple[str, ...]
    by: tuple[str, ...]
    columns: tuple[ColumnLayout, ...]


@dataclass(frozen=True, slots=True)
class ViewRows:
    """One view's rows of a batch: as they came, as items, and what of each item is not a number."""

    kept: list[Kept]
    items: Int64
    sides: list[Side]


@dataclass(slots=True)
class Batch:
    """Rows under the names of :func:`~lapwise.features.rows.selection`, for several views.

    Plain lists are made once, whichever views need them.
    """

    frame: pl.DataFrame
    _plain: dict[str, list[Any]] = field(default_factory=dict)

    def rows_of(self, view: FeatureView, shape: Shape, fields: Fields) -> ViewRows:
        """Return what a view stores of each row."""
        key = self._together([f"key:{name}" for name in view.table.key])
        by = self._together([f"by:{name}" for name in view.by])
        values = self._together([value_name(column.name) for column in shape.columns])
        times = (self.plain("__known"), self.plain("__event"))
        kept = list(map(Kept, key, *times, by, values))
        return ViewRows(kept, items_of(self.frame, fields), _sides(values, fields))

    def _together(self, names: list[str]) -> list[tuple[Any, ...]]:
        if not names:
            return [()] * self.frame.height
        return list(zip(*(self.plain(name) for name in names), strict=True))

    def plain(self, name: str) -> list[Any]:
        """Return a column as plain values that sort as Polars sorts the column."""
        if name not in self._plain:
            self._plain[name] = _plain(self.frame[name], of_key=name.startswith("key:"))
        return self._plain[name]


@dataclass(frozen=True, slots=True)
class Plan:
    """How rows of a table with one schema go into some views; made once, used for each push."""

    table: str
    schema: pl.Schema
    views: tuple[FeatureView, ...]
    shapes: tuple[Shape, ...]
    fields: tuple[Fields, ...]
    columns: tuple[pl.Expr, ...]

    @classmethod
    def of(cls, table: str, schema: pl.Schema, views: Sequence[FeatureView]) -> Plan:
        """Check that views fit a table.

        Raises:
            FeatureError: a column is missing, or of a type that cannot be used.
        """
        shapes = tuple(shape_of(view, schema) for view in views)
        fields = tuple(
            Fields(view, shape.columns) for view, shape in zip(views, shapes, strict=True)
        )
        columns: dict[str, pl.Expr] = {}
        for view in views:
            columns |= selection(view, schema)
        return cls(table, schema, tuple(views), shapes, fields, tuple(columns.values()))

    def batch(self, rows: pl.DataFrame) -> Batch:
        """Return the rows that can ever be seen.

        Raises:
            FeatureError: a row has no key.
        """
        frame = rows.select(self.columns)
        if frame["__known"].null_count():
            frame = frame.filter(pl.col("__known").is_not_null())
        for name in frame.columns:
            if name.startswith("key:") and (missing := frame[name].null_count()):
                raise FeatureError(
                    f"{missing} rows of table '{self.table}' have no key",
                    value=name.removeprefix("key:"),
                    expected="a key in each row, for it is what a correction corrects",
                    fix="drop or number those rows in the table's build function",
                )
        return Batch(frame)


def shape_of(view: FeatureView, schema: pl.Schema) -> Shape:
    """Check that a view fits its table and the online store, and return its types.

    Raises:
        FeatureError: a column is missing, or of a type that cannot be used.
    """
    check_table(view, schema, schema)
    for column in (*view.table.key, *view.by):
        _check_online(view, column, schema[column])
    return Shape(
        key=tuple(type_text(schema[name]) for name in view.table.key),
        by=tuple(type_text(schema[name]) for name in view.by),
        columns=tuple(column_layout(view, name, schema[name]) for name in view.columns),
    )


def _check_online(view: FeatureView, column: str, dtype: pl.DataType) -> None:
    """Refuse a key or entity of a type that the online store does not order.

    Raises:
        FeatureError: it is a decimal or wider than 64 bits.
    """
    if isinstance(dtype, pl.Decimal | pl.Int128 | pl.UInt128 | pl.Float16 | pl.Null):
        raise FeatureError(
            f"view '{view.name}': the online store cannot order column '{column}'",
            value=str(dtype),
            expected="text, bytes, numbers of at most 64 bits, Booleans or times",
            fix=f"cast '{column}' in the table's build function",
        )


def items_of(frame: pl.DataFrame, fields: Fields) -> Int64:
    """Return each row as an item that nothing has corrected; shape ``(rows, fields.width)``."""
    items = np.zeros((frame.height, fields.width), np.int64)
    items[:, POSITION] = _stored(frame["__event"])[0]
    known = frame["__known"].to_numpy()
    items[:, VISIBLE] = np.maximum(items[:, POSITION], known + 1)
    items[:, UNTIL] = FOREVER
    items[:, ROWS] = 1
    for name, column in fields.columns.items():
        series = frame[value_name(name)]
        if not column.layout.code:
            items[:, column.observed] = series.is_not_null().to_numpy()
            continue
        stored, observed = _stored(series)
        items[:, column.observed] = observed
        _numbers(items, stored, observed, column)
    return items


def _numbers(items: Int64, stored: NDArray[Any], observed: Bools, column: ColumnFields) -> None:
    """Fill in what one column's numbers give."""
    if column.sums:
        counted = column.layout.microseconds(stored) if column.layout.duration else stored
        for quantum, place in column.sums.items():
            quanta, fits = _quanta(_widest(counted), quantum)
            items[:, place] = np.where(fits, quanta, UNFIT)
            if quantum in column.squares:
                low, middle, top = column.squares[quantum]
                narrow = np.abs(quanta) < 1 << SQUARE_BITS
                limbs = square_limbs(np.where(narrow, quanta, 0))
                items[:, low], items[:, middle] = limbs[0], limbs[1]
                items[:, top] = np.where(narrow, limbs[2], UNFIT)
    if column.least < 0 and column.greatest < 0 and column.latest < 0 and column.first < 0:
        return
    codes = to_codes(_widest(stored))
    if column.least >= 0:
        items[:, column.least] = np.where(observed, codes, GREATEST)
    if column.greatest >= 0:
        items[:, column.greatest] = np.where(observed, codes, LEAST)
    for place in (column.latest, column.first):
        if place >= 0:
            items[:, place] = codes


def _widest(stored: NDArray[Any]) -> NDArray[Any]:
    """Return stored values as float64 (-0.0 as 0.0), uint64 or int64."""
    if stored.dtype.kind == "f":
        return stored.astype(np.float64) + 0.0
    return stored if stored.dtype == np.uint64 else stored.astype(np.int64)


def _quanta(numbers: NDArray[Any], quantum: float | None) -> tuple[Int64, Bools]:
    """Return numbers in quanta, and which of them fit; the others are 0."""
    floating = numbers.dtype.kind == "f"
    limit: float = quantum_of(quantum, floating=floating) * 2.0**SUM_BITS
    if not floating:
        limit = int(limit)  # compared exactly
    fits: Bools = (numbers < limit) & (numbers > -limit)
    fixed = in_quanta(numbers if fits.all() else np.where(fits, numbers, 0), quantum, "")
    return fixed.values, fits


def _sides(values: list[tuple[Any, ...]], fields: Fields) -> list[Side]:
    """Return what each row keeps beside numbers."""
    if not fields.slots:
        return [[]] * len(values)
    columns = [slot.column for slot in fields.slots]
    return [[[] if row[at] is None else [row[at]] for at in columns] for row in values]


def _stored(series: pl.Series) -> tuple[NDArray[Any], Bools]:
    """Return stored values, 0 where there is none, and where there is one; NaN is none."""
    physical = series.to_physical() if series.dtype.is_temporal() else series
    if series.dtype == pl.Boolean:
        physical = series.cast(pl.Int8)
    observed = np.ones(len(series), np.bool_)
    if series.null_count():
        observed = series.is_not_null().to_numpy()
        physical = physical.fill_null(0)
    stored = physical.to_numpy()
    if series.dtype.is_float():
        observed = observed & ~np.isnan(stored)
    return stored if observed.all() else np.where(observed, stored, 0), observed


def _plain(series: pl.Series, *, of_key: bool) -> list[Any]:
    dtype = series.dtype
    if isinstance(dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    elif dtype.is_temporal():
        series = series.to_physical()
    elif dtype.is_float() and of_key:
        ordered: list[Any] = to_codes(series.cast(pl.Float64).to_numpy() + 0.0).tolist()
        return ordered
    elif dtype.is_float() and np.isnan(series.to_numpy()).any():
        return [None if value != value else value for value in series]  # noqa: PLR0124
    return series.to_list()
