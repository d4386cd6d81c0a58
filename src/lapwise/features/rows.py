"""Reads a view's table: only the columns it needs, under names that cannot clash."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import polars as pl

from lapwise.core.errors import DataError, FeatureError
from lapwise.features.model import Aggregate, FeatureView

__all__ = [
    "Rows",
    "batches",
    "check_keys",
    "check_table",
    "entity_columns",
    "microseconds",
    "read",
    "rows_of",
    "selection",
    "value_name",
]

_COUNTABLE = (pl.Boolean, pl.Duration)


@dataclass(frozen=True, slots=True)
class Rows:
    """A view's table as a lazy frame of the columns that are needed.

    Attributes:
        scan: ``__known`` and ``__event`` (microseconds), then ``key``, ``by`` and the value
            columns; in the first two categories are text.
        key: the columns of the key.
        by: the columns of the entity, as in :func:`entity_columns`.
        types: the type of each value column.
    """

    scan: pl.LazyFrame
    key: list[str]
    by: list[str]
    types: dict[str, pl.DataType]

    @property
    def ties(self) -> list[pl.Expr]:
        """What decides between rows of equal key, known and event; NaN is null."""
        values = []
        for column, dtype in self.types.items():
            value = pl.col(value_name(column))
            values.append(value.fill_nan(None) if dtype.is_float() else _text(value, dtype))
        return [*(pl.col(name) for name in self.by), *values]


def value_name(column: str) -> str:
    """Return what a table's column is called here."""
    return f"value:{column}"


def entity_columns(frame: pl.DataFrame, view: FeatureView) -> pl.DataFrame:
    """Return the examples' entity columns under the names they have in :class:`Rows`."""
    return frame.select(
        _text(pl.col(name), frame.schema[name]).alias(f"by:{name}") for name in view.by
    )


def rows_of(view: FeatureView, tables: Mapping[str, pl.LazyFrame], examples: pl.Schema) -> Rows:
    """Check that a view fits its table and the examples, and return the rows it reads.

    Raises:
        FeatureError: a table or column is missing, or of a type that the view cannot use.
    """
    table = view.table
    if table.name not in tables:
        raise FeatureError(
            f"view '{view.name}' reads a table that was not given",
            value=table.name,
            expected=f"one of {', '.join(sorted(tables)) or 'no tables at all'}",
            fix=f'add tables["{table.name}"]',
        )
    source = tables[table.name].lazy()  # a frame in memory will do as well
    schema = _schema(source, table.name, view.name)
    check_table(view, schema, examples)
    key = [f"key:{column}" for column in table.key]
    by = [f"by:{column}" for column in view.by]
    columns = selection(view, schema)
    if table.known == table.event:  # one column under two names is held once
        columns["__known"] = pl.col("__event").alias("__known")
        scan = source.select(*list(columns.values())[1:]).with_columns(columns["__known"])
        scan = scan.select(*columns)
    else:
        scan = source.select(columns.values())
    return Rows(scan, key, by, {column: schema[column] for column in view.columns})


def check_table(view: FeatureView, schema: pl.Schema, examples: pl.Schema) -> None:
    """Check that a view fits the columns of its table and of the examples.

    Raises:
        FeatureError: a column is missing, or of a type that the view cannot use.
    """
    table = view.table
    for column in (*table.key, table.event, table.known, *view.by, *view.columns):
        if column not in schema:
            raise _missing(view, column, f"table '{table.name}'", schema)
    for column in view.by:
        if column not in examples:
            raise _missing(view, column, "", examples)
        _check_entity(view, column, schema[column], examples[column])
    for name, aggregate in view.features:
        if aggregate.column:
            _check_value(view, name, aggregate, schema[aggregate.column])
    for column in table.key:
        if schema[column].is_nested() or schema[column] == pl.Object:
            raise _wrong_type(view, column, schema[column], "a plain type, as it orders rows")


def selection(view: FeatureView, schema: pl.Schema) -> dict[str, pl.Expr]:
    """Return what makes a view's rows of its table's columns, by the names in :class:`Rows`."""
    table = view.table
    chosen = {
        "__known": microseconds(table.known, schema, f"view '{view.name}'"),
        "__event": microseconds(table.event, schema, f"view '{view.name}'"),
        **{f"key:{name}": _text(pl.col(name), schema[name]) for name in table.key},
        **{f"by:{name}": _text(pl.col(name), schema[name]) for name in view.by},
        **{value_name(name): pl.col(name) for name in view.columns},
    }
    return {name: expression.alias(name) for name, expression in chosen.items()}


def read(scan: pl.LazyFrame, table: str, *, whole: bool, view: str = "") -> pl.DataFrame:
    """Collect rows; unless ``whole``, in constant memory beside the result.

    Args:
        scan: rows of a table.
        table: its name, for errors.
        whole: whether all of it may be in memory at once.
        view: which view reads it, for errors.

    Raises:
        DataError: the table cannot be read.
    """
    try:
        return scan.collect(engine="in-memory" if whole else "streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(table, view, error) from error


def batches(scan: pl.LazyFrame, table: str, *, view: str) -> Iterator[pl.DataFrame]:
    """Yield rows batch by batch, in any order and in constant memory.

    Raises:
        DataError: the table cannot be read.
    """
    try:
        yield from scan.collect_batches(maintain_order=False, engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(table, view, error) from error


def check_keys(view: FeatureView, missing: Sequence[int]) -> None:
    """Refuse rows without a key, given the number of nulls in each of its columns.

    Raises:
        FeatureError: a key is null.
    """
    for column, nulls in zip(view.table.keys, missing, strict=True):
        if nulls:
            raise FeatureError(
                f"view '{view.name}': {nulls} rows of table '{view.table.name}' have no key",
                value=column,
                expected="a key in each row, for it is what a correction corrects",
                fix="drop or number those rows in the table's build function",
            )


def _unreadable(table: str, view: str, error: Exception) -> DataError:
    reader = f"view '{view}': " if view else ""
    said = str(error).partition("\n")[0]
    gone = isinstance(error, FileNotFoundError)
    return DataError(
        f"{reader}table '{table}' cannot be read",
        value=said,
        expected="its files, as they were when it was opened" if gone else "files that are whole",
        fix=f"put the file back or write it anew; 'lapwise data log {table}' lists its versions",
    )


def microseconds(column: str, schema: Mapping[str, pl.DataType], where: str) -> pl.Expr:
    """Return a column of times as microseconds since 1970, UTC; finer parts are cut off.

    Raises:
        FeatureError: the column does not hold times.
    """
    dtype = schema[column]
    if not isinstance(dtype, pl.Datetime | pl.Date):
        raise FeatureError(
            f"{where}: column '{column}' does not hold times",
            value=str(dtype),
            expected="Datetime (with a zone, or in UTC without) or Date",
            fix=_into_times(column, dtype),
        )
    return pl.col(column).dt.epoch("us").cast(pl.Int64)


def _into_times(column: str, dtype: pl.DataType) -> str:
    """Return what to write so that a column holds times."""
    if dtype.is_numeric():
        return f'pl.from_epoch("{column}", time_unit="s"), or the unit that it is in'
    if _is_text(dtype):
        return f'pl.col("{column}").str.to_datetime(time_zone="UTC")'
    return "name a column that does"


def _schema(source: pl.LazyFrame, table: str, view: str) -> pl.Schema:
    try:
        return source.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(table, view, error) from error


def _is_text(dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)


def _text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return categories as text, so that their order and identity do not depend on the process."""
    return column.cast(pl.String) if _is_text(dtype) else column


def _check_entity(
    view: FeatureView, column: str, table: pl.DataType, examples: pl.DataType
) -> None:
    if table != examples and not (_is_text(table) and _is_text(examples)):
        raise FeatureError(
            f"view '{view.name}': column '{column}' is {table} in table '{view.table.name}' "
            f"and {examples} in the examples",
            expected="the same type in both, so that no key is missed",
            fix=f"cast '{column}' in one of them",
        )
    if table.is_float() or table.is_nested() or table == pl.Object:
        raise _wrong_type(view, column, table, "text, whole numbers, dates or Booleans to match by")


def _check_value(view: FeatureView, name: str, aggregate: Aggregate, dtype: pl.DataType) -> None:
    """Refuse a type that an aggregate cannot take; ``allowed`` says which it can."""
    plain = not (dtype.is_nested() or dtype == pl.Object)
    wide = dtype in (pl.Int128, pl.UInt128, pl.Float16)
    number = not wide and (dtype.is_integer() or dtype.is_float() or dtype in _COUNTABLE)
    match aggregate.kind:
        case "rate":
            fits, allowed = dtype == pl.Boolean, "a Boolean column"
        case "sum" | "mean" | "std":
            fits, allowed = number, "a number, Boolean or duration"
        case "min" | "max":
            fits, allowed = number or dtype.is_temporal(), "a number, Boolean or time"
        case _:
            fits, allowed = plain, "a plain type"
    if not fits:
        raise _wrong_type(
            view, aggregate.column, dtype, f"{allowed}, for {aggregate.kind} '{name}'"
        )


def _wrong_type(view: FeatureView, column: str, dtype: pl.DataType, expected: str) -> FeatureError:
    return FeatureError(
        f"view '{view.name}': column '{column}' of table '{view.table.name}' has a type it cannot use",
        value=str(dtype),
        expected=expected,
        fix=f"cast '{column}' in the table's build function",
    )


def _missing(
    view: FeatureView, column: str, table: str, schema: Mapping[str, pl.DataType]
) -> FeatureError:
    """Say that a table, or the examples if it is empty, lack a column."""
    near = get_close_matches(column, schema, n=1)
    mend = f"name '{near[0]}' in the view, or " if near else ""
    mend += f"add '{column}' in the table's build function" if table else f"add '{column}' to them"
    return FeatureError(
        f"view '{view.name}': {f'{table} has' if table else 'the examples have'} no column",
        value=column,
        expected=f"one of {', '.join(sorted(schema))[:160]}",
        fix=mend,
    )
