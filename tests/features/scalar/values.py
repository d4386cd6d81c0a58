"""Types of columns, and random plain values of them, edges included."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st

INTEGERS = (pl.Int8(), pl.Int16(), pl.Int32(), pl.Int64(), pl.UInt8(), pl.UInt32(), pl.UInt64())
TYPES: dict[str, pl.DataType] = {
    **{f"i{n}": dtype for n, dtype in enumerate(INTEGERS)},
    "f": pl.Float64(),
    "g": pl.Float64(),
    "s": pl.Float32(),
    "b": pl.Boolean(),
    "c": pl.Boolean(),
    "t": pl.String(),
    "u": pl.String(),
    "d": pl.Date(),
    "m": pl.Datetime("us"),
    "z": pl.Datetime("us", "UTC"),
    "w": pl.Datetime("ms"),
    "n": pl.Datetime("ns"),
    "l": pl.Datetime("us", "Europe/Berlin"),
    "h": pl.Time(),
    "p": pl.Duration("us"),
    "q": pl.Duration("ms"),
}
WORDS = (
    "",
    "a",
    "AB",
    "Ab1",
    " a b ",
    "é",
    "straße",
    "日本",
    "-12",
    "+3",
    "007",
    "1.5",
    "a-b",
    "\x1c",
)
FLOATS = (
    0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, 0.1, 3.0, -7.25, 1e-5, 1e15, 1e16, 1e308, 5e-324,
    math.nan, math.inf, -math.inf, 0.125, 123.456, 2.675,
)  # fmt: skip
SWITCHES = tuple(
    datetime(2013, month, day, hour, minute, tzinfo=UTC)
    for month, day in ((3, 31), (10, 27), (3, 10), (11, 3), (4, 6), (10, 5))
    for hour in (0, 1, 2, 6, 7, 15)
    for minute in (0, 30, 59)
)


def micro(moment: datetime) -> int:
    """Return microseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def values(dtype: pl.DataType) -> st.SearchStrategy[Any]:
    """Return plain values of a type as requests carry them, None included."""
    found: st.SearchStrategy[Any]
    if dtype.is_integer():
        signed = str(dtype).startswith("I")
        bits = int(str(dtype).rsplit("t", 1)[1])
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        found = st.sampled_from([low, high, 0, 1, 7, low // 2, high - 1]) | st.integers(
            max(low, -100), 100
        )
        found |= st.integers(low, high)
    elif dtype == pl.Float32():
        found = st.sampled_from([x for x in FLOATS if abs(x) < 1e30 or not math.isfinite(x)])
        found |= st.floats(width=32)
    elif dtype.is_float():
        found = st.sampled_from(FLOATS) | st.floats(-1e4, 1e4) | st.floats()
    elif isinstance(dtype, pl.Boolean):
        found = st.booleans()
    elif isinstance(dtype, pl.String):
        found = st.sampled_from(WORDS) | st.text(max_size=6) | st.text("ab1 .", max_size=8)
    elif isinstance(dtype, pl.Date):
        found = st.integers(-60_000, 60_000).map(lambda days: days * 86_400_000_000)
    elif isinstance(dtype, pl.Time):
        found = st.integers(0, 86_399_999_999)
    elif isinstance(dtype, pl.Duration):
        found = st.integers(-(10**9), 10**9).map(lambda x: x * 1000) | st.integers(
            -(10**4), 10**4
        ).map(lambda x: x * 3_600_000_000)
    else:
        found = st.sampled_from([micro(moment) for moment in SWITCHES])
        found |= st.integers(-(10**12), 4 * 10**12).map(lambda x: x * 1000)
        found |= st.integers(-2_000_000, 2_000_000).map(lambda x: x * 3_600_000_000)
    return st.none() | found
