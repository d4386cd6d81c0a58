"""Numbers as int64 multiples of a quantum, so that sums do not depend on their order.

Booleans, integers and durations (in microseconds) have quantum 1, floats 2**-16. A quantum is a
power of two: dividing by it is exact, and the one rounding (to the nearest multiple, ties to the
even one) is stated. Whatever does not fit is refused, never wrapped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lapwise.core.errors import FeatureError
from lapwise.features.kernel import Int64

__all__ = [
    "FixedPoint",
    "check_squares",
    "exact_window_sum",
    "in_quanta",
    "quantum_of",
    "to_fixed_point",
]

FLOAT_QUANTUM = 2.0**-16
SUM_BITS = 62
"""A value of a sum or a mean is below 2**62 quanta."""
SQUARE_BITS = 47
"""A value of a standard deviation is below 2**47 quanta: its square has three 32-bit limbs."""


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """A column in quanta, 0 where there is no observation; ``largest`` is its magnitude."""

    values: Int64
    quantum: float
    largest: int


def to_fixed_point(column: pl.Series, quantum: float | None, where: str) -> FixedPoint:
    """Return a column of booleans, integers, durations or floats in quanta.

    Args:
        column: the values; nulls are no observations.
        quantum: the declared quantum, or None for the default of the type.
        where: the view, feature and column, for the error.

    Raises:
        FeatureError: a value is too large for its quantum.
    """
    if column.dtype.is_float():
        return in_quanta(column.cast(pl.Float64).fill_null(0.0).to_numpy(), quantum, where)
    return in_quanta(_integers(column).fill_null(0).to_numpy(), quantum, where)


def in_quanta(numbers: NDArray[Any], quantum: float | None, where: str) -> FixedPoint:
    """Return float64, int64 or uint64 numbers in quanta, as :func:`to_fixed_point` does.

    Args:
        numbers: the values, 0 where there is no observation.
        quantum: the declared quantum, or None for the default of the type.
        where: the view, feature and column, for the error.

    Raises:
        FeatureError: a value is too large for its quantum.
    """
    floating = numbers.dtype.kind == "f"
    step = quantum_of(quantum, floating=floating)
    exponent = _exponent(step)
    largest = max(-numbers.min().item(), numbers.max().item()) if numbers.size else 0
    if not largest < 2.0 ** (SUM_BITS + exponent):
        raise _too_large(largest, step, SUM_BITS, where)
    if floating:
        values = np.rint(np.ldexp(numbers, -exponent)).astype(np.int64)
    else:
        values = _shift(numbers, exponent)
    size = max(-int(values.min()), int(values.max())) if values.size else 0
    return FixedPoint(values, step, size)


def quantum_of(declared: float | None, *, floating: bool) -> float:
    """Return the declared quantum, or the default of floats or of whole numbers."""
    return declared or (FLOAT_QUANTUM if floating else 1.0)


def check_squares(fixed: FixedPoint, where: str) -> None:
    """Refuse values whose squares do not fit the sums of a standard deviation.

    Raises:
        FeatureError: a value is 2**47 quanta or more.
    """
    if fixed.largest >= 1 << SQUARE_BITS:
        raise _too_large(fixed.largest * fixed.quantum, fixed.quantum, SQUARE_BITS, where)


def _exponent(quantum: float) -> int:
    return math.frexp(quantum)[1] - 1


def _too_large(largest: float, quantum: float, bits: int, where: str) -> FeatureError:
    exponent = _exponent(quantum)
    fix = "clean the infinite values in the table's build function"
    if math.isfinite(largest):
        fix = f"declare a coarser quantum: quantum=2**{math.frexp(largest)[1] - bits}"
    return FeatureError(
        f"{where}: a value does not fit 64-bit fixed point with quantum 2**{exponent}",
        value=largest,
        expected=f"magnitudes below 2**{bits + exponent}",
        fix=fix,
    )


def _integers(column: pl.Series) -> pl.Series:
    if column.dtype == pl.Duration:
        return column.dt.total_microseconds()
    return column if column.dtype == pl.UInt64 else column.cast(pl.Int64)


def _shift(values: NDArray[Any], exponent: int) -> Int64:
    """Divide int64 or uint64 numbers by ``2**exponent``, rounding ties to even."""
    if exponent <= 0:
        shifted: Int64 = values.astype(np.int64) << np.int64(-exponent)
        return shifted
    whole, rest = np.divmod(values, values.dtype.type(1 << exponent))
    half = 1 << (exponent - 1)
    up = (rest > half) | ((rest == half) & (whole % 2 == 1))
    rounded: Int64 = whole.astype(np.int64) + up
    return rounded


def exact_window_sum(
    window_sum: Callable[[Int64], Int64], fixed: FixedPoint, most: int, where: str
) -> Int64:
    """Sum the rows that each example sees, and refuse a sum beyond int64.

    Args:
        window_sum: sums one int64 a row for each example, modulo 2**64.
        fixed: the rows' values.
        most: the greatest number of rows that any example sees.
        where: the view, feature and column, for the error.

    Raises:
        FeatureError: a sum does not fit.
    """
    sums = window_sum(fixed.values)
    if fixed.largest * most >= 1 << 63:  # it might have wrapped: sum the halves, which cannot
        low = window_sum(fixed.values & np.int64(0xFFFFFFFF))
        upper = window_sum(fixed.values >> np.int64(32)) + (low >> np.int64(32))
        if ((upper < -(1 << 31)) | (upper >= 1 << 31)).any():
            exponent = _exponent(fixed.quantum)
            enough = exponent + int(np.abs(upper).max()).bit_length() - 31
            raise FeatureError(
                f"{where}: the sum of a window does not fit 64-bit fixed point "
                f"with quantum 2**{exponent}",
                value=fixed.largest * fixed.quantum,
                expected="sums below 2**63 quanta",
                fix=f"declare a coarser quantum: quantum=2**{enough}",
            )
    return sums
