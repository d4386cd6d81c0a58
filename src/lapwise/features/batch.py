"""Rows of a table, made ready for the online store: one frame operation for all views together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from lapwise.core.errors import FeatureError
from lapwise.features.corrections import FOREVER
from lapwise.features.kernel import Bools, Int64
from lapwise.features.layout import ColumnLayout, column_layout, row_type, type_text
from lapwise.features.model import FeatureView
from lapwise.features.rows import check_table, selection, value_name

__all__ = ["Batch", "Plan", "Shape", "ViewRows", "shape_of"]


@dataclass(frozen=True, slots=True)
class Shape:
    """The types of a view's key, entity and values, as the store keeps them."""

    key: tuple[str, ...]
    by: tuple[str, ...]
    columns: tuple[ColumnLayout, ...]


@dataclass(slots=True)
class ViewRows:
    """One view's columns of a batch, as lists of plain values; ``content`` has the chunks' rows."""

    key: list[list[Any]]
    by: list[list[Any]]
    values: list[list[Any]]
    event: list[int | None]
    known: list[int]
    content: np.ndarray[Any, np.dtype[np.void]]


@dataclass(slots=True)
class Batch:
    """Rows under the names of :func:`~lapwise.features.rows.selection`, for several views.

    Plain lists are made once, whichever views need them.
    """

    frame: pl.DataFrame
    _plain: dict[str, list[Any]] = field(default_factory=dict)

    def rows_of(self, view: FeatureView, shape: Shape) -> ViewRows:
        """Return what a view stores of each row."""
        key = [self.plain(f"key:{name}") for name in view.table.key]
        by = [self.plain(f"by:{name}") for name in view.by]
        values = [self.plain(value_name(column.name)) for column in shape.columns]
        return ViewRows(
            key=[list(row) for row in zip(*key, strict=True)],
            by=[list(row) for row in zip(*by, strict=True)],
            values=[list(row) for row in zip(*values, strict=True)]
            if values
            else [[] for _ in range(self.frame.height)],
            event=self.plain("__event"),
            known=self.plain("__known"),
            content=chunk_rows(self.frame, shape),
        )

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
    columns: tuple[pl.Expr, ...]

    @classmethod
    def of(cls, table: str, schema: pl.Schema, views: Sequence[FeatureView]) -> Plan:
        """Check that views fit a table.

        Raises:
            FeatureError: a column is missing, or of a type that cannot be used.
        """
        shapes = tuple(shape_of(view, schema) for view in views)
        columns: dict[str, pl.Expr] = {}
        for view in views:
            columns |= selection(view, schema)
        return cls(table, schema, tuple(views), shapes, tuple(columns.values()))

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


def chunk_rows(frame: pl.DataFrame, shape: Shape) -> np.ndarray[Any, np.dtype[np.void]]:
    """Return rows as chunks hold them; ``row`` is left 0 and ``until`` is for ever."""
    rows = np.zeros(frame.height, row_type(shape.columns))
    rows["known"] = frame["__known"].to_numpy()
    rows["event"] = _filled(frame["__event"])
    rows["until"] = FOREVER
    for place, column in enumerate(shape.columns):
        series = frame[value_name(column.name)]
        observed = _observed(series)
        rows[f"o{place}"] = observed
        if column.code:
            rows[f"v{place}"] = np.where(observed, _filled(series), 0)
    return rows


def _observed(series: pl.Series) -> Bools | bool:
    if series.dtype.is_float():
        return (series.is_not_null() & series.is_not_nan().fill_null(value=False)).to_numpy()
    return series.is_not_null().to_numpy() if series.null_count() else True


def _filled(series: pl.Series) -> Any:
    """Return the stored values, anything where null."""
    physical = series.to_physical()
    if physical.dtype == pl.Boolean:
        physical = physical.cast(pl.Int8)
    return (physical.fill_null(0) if physical.null_count() else physical).to_numpy()


_MAGNITUDE = np.int64(2**63 - 1)


def _plain(series: pl.Series, *, of_key: bool) -> list[Any]:
    dtype = series.dtype
    if isinstance(dtype, pl.Categorical | pl.Enum):
        series = series.cast(pl.String)
    elif dtype.is_temporal():
        series = series.to_physical()
    elif dtype.is_float() and of_key:
        ordered: list[Any] = _ordered(series.cast(pl.Float64).to_numpy()).tolist()
        return ordered
    elif dtype.is_float():
        series = series.fill_nan(None)
    return series.to_list()


def _ordered(numbers: Any) -> Int64:
    """Map floats to int64 in the same order: zeros are equal, NaN is the greatest."""
    bits: Int64 = np.where(np.isnan(numbers), np.nan, numbers + 0.0).view(np.int64)
    return bits ^ ((bits >> np.int64(63)) & _MAGNITUDE)
