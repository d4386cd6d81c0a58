"""How many different values an example sees: each value counts on the union of its rows' ranges."""

from __future__ import annotations

import numpy as np
import polars as pl

from lapwise.features.kernel import Int64, window_sum

__all__ = ["distinct", "identities"]

_NARROW = 1 << 24


def identities(values: pl.Series) -> Int64:
    """Return a number for each value, equal for equal values, -1 for null.

    Args:
        values: any plain type; NaN has been made null, and -0.0 and 0.0 are one value.
    """
    dtype = values.dtype
    if dtype == pl.String:
        numbers = values.cast(pl.Categorical).to_physical()
    elif dtype.is_decimal() or dtype in (pl.Binary, pl.Int128, pl.UInt128):
        frame = values.rename("value").to_frame()
        seen = frame.drop_nulls().unique().with_row_index("number")
        numbers = frame.join(seen, on="value", how="left", maintain_order="left")["number"]
    elif dtype == pl.Boolean:
        numbers = values.cast(pl.Int64)
    else:
        numbers = _ranked(values)
    return numbers.cast(pl.Int64).fill_null(-1).to_numpy()


def _ranked(values: pl.Series) -> pl.Series:
    """Number floats, whole numbers and times."""
    if values.dtype.is_float():
        return values.rank("dense")  # -0.0 and 0.0 are one rank
    numbers = values.to_physical()
    if numbers.dtype == pl.UInt64:
        return numbers.rank("dense")
    wide = numbers.cast(pl.Int64)
    low, high = wide.min(), wide.max()
    if isinstance(low, int) and isinstance(high, int) and high - low < _NARROW:
        return wide - low
    return wide.rank("dense")


def distinct(start: Int64, stop: Int64, identity: Int64, size: int) -> Int64:
    """Count, for each of ``size`` examples, the different values of the rows that cover it.

    Rows of one value are taken in order of their starts, and each is cut down to what those before
    it leave uncovered: what remains are disjoint ranges, and to count values is to count ranges.

    Args:
        start: for each row the first example that sees it.
        stop: for each row one past the last.
        identity: for each row its value's number, -1 for none.
        size: the number of examples.
    """
    chosen = np.flatnonzero((stop > start) & (identity >= 0))
    start, stop, identity = start[chosen], stop[chosen], identity[chosen]
    if not len(chosen):
        return np.zeros(size, np.int64)
    width = size + 1
    first = identity * np.int64(width) + start  # values are fewer than rows: it fits
    order = np.argsort(first)
    first, last = first[order], (identity * np.int64(width) + stop)[order]
    covered = np.maximum.accumulate(last)
    first[1:] = np.maximum(first[1:], covered[:-1])
    last = np.maximum(first, last)
    return window_sum(first % width, last % width, None, size)
