"""What each column of a version holds."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from typing import Any

import polars as pl

from lapwise.core.model import ColumnStatistics, Scalar

__all__ = ["EXACT_ROWS", "Extent", "summarise"]

EXACT_ROWS = 1_000_000
"""Up to so many rows ``distinct`` is exact; above, HyperLogLog (error about one per cent)."""

Extent = tuple[int, int | None, int | None]
"""Rows, and the first and last event time in microseconds."""

_LONGEST = 100  # characters of a text that a record keeps


def summarise(
    frame: pl.LazyFrame, event: str, rows: int
) -> tuple[Extent, tuple[ColumnStatistics, ...]]:
    """Return rows and event range, and the statistics of each column, in one pass.

    NaN counts as missing. ``minimum``, ``maximum``, ``mean`` and ``std`` (ddof 1) are over finite
    values; times are microseconds (a time of day: nanoseconds), durations too.

    Args:
        frame: the rows, event already in UTC microseconds.
        event: the column of the event time.
        rows: about how many rows to expect; decides whether ``distinct`` is exact.
    """
    schema = frame.collect_schema()
    wanted: list[pl.Expr] = []
    for at, (name, dtype) in enumerate(schema.items()):
        wanted += [
            expression.alias(f"{at}:{what}")
            for what, expression in _expressions(pl.col(name), dtype, exact=rows <= EXACT_ROWS)
        ]
    all_columns = frame.select(pl.len().alias("rows"), *wanted)
    collected = all_columns.collect(engine="streaming" if rows > EXACT_ROWS else "in-memory")
    found = collected.row(0, named=True)
    statistics = []
    for at, name in enumerate(schema):
        nulls = int(found[f"{at}:nulls"])
        distinct = int(found[f"{at}:distinct"]) - (1 if nulls else 0)
        statistics.append(
            ColumnStatistics(
                name=name,
                nulls=nulls,
                distinct=max(distinct, 0),
                minimum=_scalar(found.get(f"{at}:min")),
                maximum=_scalar(found.get(f"{at}:max")),
                mean=found.get(f"{at}:mean"),
                std=found.get(f"{at}:std"),
            )
        )
    at = list(schema).index(event)
    low, high = _scalar(found[f"{at}:min"]), _scalar(found[f"{at}:max"])
    extent = (int(found["rows"]), low, high)
    return extent, tuple(statistics)  # type: ignore[return-value]  # an event is an instant


def _expressions(column: pl.Expr, dtype: pl.DataType, *, exact: bool) -> list[tuple[str, pl.Expr]]:
    if dtype.is_float():
        column = column.fill_nan(None)
    counted = column.hash() if dtype.is_nested() else column
    distinct = counted.n_unique() if exact else counted.hash().approx_n_unique()
    wanted = [("nulls", column.null_count()), ("distinct", distinct)]
    if dtype.is_nested() or isinstance(dtype, pl.Binary | pl.Object | pl.Null):
        return wanted
    if dtype.is_float():
        column = column.filter(column.is_finite())
    if dtype.is_decimal():
        column = column.cast(pl.Float64)
    if isinstance(dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    wanted += [("min", column.min()), ("max", column.max())]
    if dtype.is_numeric():
        wanted += [("mean", column.mean()), ("std", column.std())]
    return wanted


def _scalar(value: Any) -> Scalar:
    """Return a value as a record keeps it."""
    match value:
        case datetime():
            zero = datetime(1970, 1, 1, tzinfo=value.tzinfo)
            return (value - zero) // timedelta(microseconds=1)
        case date():
            return (value - date(1970, 1, 1)).days * 86_400_000_000
        case timedelta():
            return value // timedelta(microseconds=1)
        case clock_time():
            seconds = (value.hour * 60 + value.minute) * 60 + value.second
            return (seconds * 1_000_000 + value.microsecond) * 1_000
        case Decimal():
            return float(value)
        case str():
            return value[:_LONGEST]
        case bool() | int() | float() | None:
            return value
        case _:
            return str(value)[:_LONGEST]
