"""Whether a logged value is the computed one, to the bit, whatever type the log gave it."""

from __future__ import annotations

import polars as pl

from lapwise.features.expressions.demand import differs
from lapwise.features.request import in_microseconds

__all__ = ["normal", "unequal"]


def normal(series: pl.Series) -> pl.Series:
    """Return values as a log holds them: widest number, text, microseconds."""
    series, dtype = in_microseconds(series), series.dtype
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return series.cast(pl.String)
    if dtype.is_float():
        return series.cast(pl.Float64)
    return series.cast(pl.Int64) if dtype.is_integer() and dtype != pl.UInt64 else series


def unequal(logged: pl.Series, offline: pl.Series) -> pl.Series:
    """Return where a logged column is not the computed one; NaN and null equal themselves."""
    found, wanted = normal(logged), normal(offline)
    if found.dtype != wanted.dtype:
        numbers = found.dtype.is_numeric() and wanted.dtype.is_numeric()
        if found.dtype != pl.Null and not numbers:
            return found.is_not_null() | wanted.is_not_null()
        cast = found.cast(wanted.dtype, strict=False)
        lossy = cast.cast(found.dtype, strict=False).ne_missing(found)
        return differs(cast, wanted) | lossy
    return differs(found, wanted)
