"""What numbers of each type do: limits, wrap-around, the nearest single."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import polars as pl

__all__ = ["LEAST", "MOST", "is_same", "limits", "per_second", "rounding", "single", "wrapping"]

_BITS = {"8": 8, "16": 16, "32": 32, "64": 64}
LEAST, MOST = -(2**63), 2**63 - 1
"""The limits of Int64, and so of the integers behind times."""

_SINGLE = struct.Struct("f")
_UNITS = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def limits(dtype: pl.DataType) -> tuple[int, int]:
    """Return the least and the greatest value of an integer type of at most 64 bits.

    >>> limits(pl.Int8())
    (-128, 127)
    """
    text = str(dtype)
    bits = _BITS[text.removeprefix("U").removeprefix("Int")]
    return (0, 2**bits - 1) if text.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def wrapping(dtype: pl.DataType) -> Callable[[int], int]:
    """Return the function that brings an integer into a type as the processor does."""
    low, high = limits(dtype)
    size = high - low + 1

    def wrap(value: int) -> int:
        return value if low <= value <= high else (value - low) % size + low

    return wrap


def single(value: float) -> float:
    """Return the nearest number of 32 bits; too large ones are infinite.

    >>> single(0.1)
    0.10000000149011612
    """
    try:
        return float(_SINGLE.unpack(_SINGLE.pack(value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def rounding(dtype: pl.DataType) -> Callable[[float], float] | None:
    """Return what brings a double into a float type, None where nothing is to do."""
    return single if isinstance(dtype, pl.Float32) else None


def per_second(dtype: Any) -> int:
    """Return how many units of an instant or a duration a second has."""
    return _UNITS[dtype.time_unit]


def is_same(first: Any, second: Any) -> bool:
    """Return whether two plain values are the same bits; NaN is NaN, -0.0 is not 0.0."""
    if type(first) is not type(second):
        return False
    if isinstance(first, float):
        return first.hex() == second.hex() or (first != first and second != second)  # noqa: PLR0124
    return bool(first == second)
