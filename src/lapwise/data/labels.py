"""Find each example's label among what was known."""

from __future__ import annotations

import polars as pl

from lapwise.core.clock import format_time
from lapwise.core.duration import parse_duration
from lapwise.core.errors import DataError, DeclarationError, StepError
from lapwise.core.model import DatasetVersion
from lapwise.data.model import Label
from lapwise.data.read import instant, key_text, newest, require, scan
from lapwise.store.model import Store

__all__ = ["join_labels"]

_NAMES = ("label", "label_known", "label_event")


def join_labels(
    frame: pl.DataFrame, label: Label, version: DatasetVersion, store: Store, *, as_of: int
) -> pl.DataFrame:
    """Add ``label``, ``label_known`` and ``label_event`` to examples that have ``__on_*`` columns.

    Raises:
        DataError: the label's table lacks a column, has several rows for one example, or knew a
            label before the example's time.
        StepError: the label's expression raised.
    """
    truth = _truth(label, version, store, as_of)
    on = [f"__on_{at}" for at in range(len(label.columns))]
    try:
        joined = frame.join(truth, on=on, how="left", maintain_order="left")
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"the label of table '{version.table}' cannot be joined on {', '.join(label.columns)}",
            value=", ".join(f"{frame.schema[name]} and {truth.schema[name]}" for name in on),
            expected="the same type in both tables",
            fix="cast one of them in the table's build function",
        ) from error
    if label.within is not None:
        in_time = pl.col("label_event") <= pl.col("time") + pl.duration(
            microseconds=parse_duration(label.within)
        )
        joined = joined.with_columns(
            pl.when(in_time).then(pl.col(name)).alias(name) for name in _NAMES
        )
    # A row that came without a value is no label, whenever it came.
    labelled = pl.col("label").is_not_null()
    joined = joined.with_columns(
        pl.when(labelled).then(pl.col(name)).alias(name) for name in _NAMES[1:]
    )
    early = joined.filter(pl.col("label_known") <= pl.col("time"))
    if early.height:
        worst = early.select(pl.col("time"), pl.col("label_known")).row(0)
        raise DataError(
            f"{early.height:,} labels of table '{version.table}' were known before their prediction",
            value=f"known {worst[1]:%Y-%m-%dT%H:%MZ}, predicted {worst[0]:%Y-%m-%dT%H:%MZ}",
            expected=f"'{version.known}' after the example's time",
            fix="correct known= of the label's table, or time= of the examples",
        )
    return joined


def _truth(label: Label, version: DatasetVersion, store: Store, as_of: int) -> pl.DataFrame:
    """Return one row for each thing that may have a label, as it was known before ``as_of``."""
    name = f"table '{version.table}'"
    rows = scan(version, store).filter(pl.col(version.known) < instant(as_of))
    require(rows.collect_schema(), label.columns, f"the label's {name}")
    rows = newest(rows, version.key, version.known, version.event)
    keys = rows.select(
        *(pl.col(column).alias(f"__on_{at}") for at, column in enumerate(label.columns)),
        pl.col(version.known).alias("label_known"),
        pl.col(version.event).alias("label_event"),
    ).collect()
    value = _value(label, rows, name)
    if len(value) != keys.height:
        raise DeclarationError(
            f"the label's expression gives {len(value):,} values for {keys.height:,} rows of {name}",
            value=str(label.value),
            expected="an element-wise expression, such as pl.col('arrival_delay') > 15",
        )
    on = [column for column in keys.columns if column.startswith("__on_")]
    twice = keys.filter(pl.struct(on).is_duplicated())
    if twice.height:
        raise DataError(
            f"{name} has several rows for {twice.select(on).n_unique():,} labels as of"
            f" {format_time(as_of)}",
            value=list(
                key_text(
                    twice.unique(on).sort(on).rename(dict(zip(on, label.columns, strict=True))),
                    label.columns,
                )
            ),
            expected=f"one row for each {', '.join(label.columns)} (the table's key is"
            f" {', '.join(version.key)})",
            fix="add to on= of lw.Label, or aggregate in the table's build function",
        )
    return keys.with_columns(value)


def _value(label: Label, rows: pl.LazyFrame, name: str) -> pl.Series:
    """Return the label column: Boolean, integer, Float64 or String; NaN is null."""
    try:
        value = rows.select(label.value.alias("label")).collect()["label"]
    except pl.exceptions.ColumnNotFoundError as error:
        raise DataError(
            f"the label's {name} has no column",
            value=str(error).splitlines()[0],
            expected=f"columns that the label names, of {', '.join(rows.collect_schema())}",
            fix="correct the expression of lw.Label, or the table",
        ) from error
    except Exception as error:
        raise StepError(
            f"the label's expression over {name} raised {type(error).__name__}",
            value=str(error).splitlines()[0],
            fix="mend the expression of lw.Label",
        ) from error
    dtype = value.dtype
    if dtype == pl.Boolean or dtype.is_integer() or dtype == pl.String:
        return value
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return value.cast(pl.String)
    if not dtype.is_numeric() and dtype != pl.Null:
        raise DataError(
            f"the label of {name} is of a type that no model learns",
            value=str(dtype),
            expected="true or false, a number, or a text",
            fix="correct the expression of lw.Label",
        )
    value = value.cast(pl.Float64).fill_nan(None)
    infinite = int(value.is_infinite().sum())
    if infinite:
        raise DataError(
            f"the label of {name} is infinite in {infinite:,} rows",
            expected="a finite number, or null for no label",
            fix="correct the expression of lw.Label, or the table",
        )
    return value
