"""What a request carries, as a frame with the types that it has offline."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from lapwise.core.errors import FeatureError
from lapwise.core.model import Column

__all__ = ["given", "in_microseconds", "input_frame", "input_series", "type_of", "wrong_type"]


def given(inputs: Mapping[str, Sequence[Any]], name: str) -> Sequence[Any]:
    """Return a column of a request.

    Raises:
        FeatureError: the request lacks it.
    """
    try:
        return inputs[name]
    except KeyError:
        raise FeatureError(
            "the request lacks a column",
            value=name,
            expected=f"one of {', '.join(sorted(inputs))[:160]}",
        ) from None


def input_frame(
    inputs: Mapping[str, Sequence[Any]], types: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """Return the columns of a request that have a type here.

    Raises:
        FeatureError: one is missing, or has a value of another type.
    """
    return pl.DataFrame([input_series(name, given(inputs, name), types[name]) for name in types])


def input_series(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    """Return a column of a request; times come as microseconds, instants since 1970.

    Raises:
        FeatureError: a value is of another type.
    """
    try:
        if not dtype.is_temporal():
            return pl.Series(name, values, dtype=dtype, strict=True)
        instants = pl.Series(name, values, dtype=pl.Int64, strict=True)
        if isinstance(dtype, pl.Datetime):
            return instants.cast(pl.Datetime("us", dtype.time_zone)).cast(dtype)
        if isinstance(dtype, pl.Duration):
            return instants.cast(pl.Duration("us")).cast(dtype)
        return instants.cast(pl.Datetime("us")).cast(dtype)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise wrong_type(f"column '{name}'", str(dtype)) from error


def in_microseconds(series: pl.Series) -> pl.Series:
    """Return times as whole microseconds: since 1970, since midnight, or of a duration."""
    dtype = series.dtype
    if isinstance(dtype, pl.Datetime | pl.Date):
        return series.dt.epoch("us").cast(pl.Int64)
    if isinstance(dtype, pl.Duration):
        return series.dt.total_microseconds()
    if isinstance(dtype, pl.Time):
        return series.to_physical() // 1000
    return series


def wrong_type(where: str, expected: str) -> FeatureError:
    """Return the error of a value of a wrong type; the value itself is not told."""
    return FeatureError(f"{where} has a value of a wrong type", expected=expected)


_ZONED: dict[str, Callable[..., pl.DataType]] = {"Datetime": pl.Datetime, "Duration": pl.Duration}


def type_of(column: Column) -> pl.DataType:
    """Return the Polars type that a column's text names.

    Raises:
        FeatureError: it names none that a request can carry.

    >>> type_of(Column(name="at", dtype="Datetime(time_unit='us', time_zone='UTC')"))
    Datetime(time_unit='us', time_zone='UTC')
    """
    text = column.dtype
    if match := re.fullmatch(r"(Datetime|Duration)\((.*)\)", text):
        given = dict(re.findall(r"(time_unit|time_zone)='?([^',)]+)'?", match[2]))
        options = {name: value for name, value in given.items() if value != "None"}
        return _ZONED[match[1]](**options)
    if re.match(r"(Categorical|Enum)\b", text):
        return pl.String()
    found = getattr(pl, text, None)
    if isinstance(found, type) and issubclass(found, pl.DataType) and not found.is_nested():
        return found()
    raise FeatureError(
        f"column '{column.name}' has a type that a request cannot carry",
        value=text,
        expected="text, numbers, Booleans or times",
    )
