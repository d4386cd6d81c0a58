"""The two kernels that every aggregate goes through.

*Stabbing*: a row is visible to a contiguous range ``[start, stop)`` of examples (sorted by entity
and time). Sums over all rows that cover an example are differences at the two ends, accumulated:
int64 addition is associative, so no order of rows changes a bit. Maxima are a sparse table run
backwards: a range of length n is covered by two blocks of length 2**floor(log2 n), values are
raised on blocks, and blocks are pushed down to their halves, one level at a time. Where examples
see runs of rows it is the sparse table itself, and sums are differences of prefix sums.

*Finishing*: integers (n, s1, s2) to the feature's float. It is exact up to one rounding of each
operand, and depends on the integers alone; whoever holds the same integers gets the same bits.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Cover",
    "Runs",
    "deviation",
    "join_limbs",
    "mean_of",
    "square_limbs",
    "total_of",
    "window_sum",
]

Int64: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
UInt64: TypeAlias = NDArray[np.uint64]
Float64: TypeAlias = NDArray[np.float64]

LEAST = np.iinfo(np.int64).min
"""What :meth:`Cover.greatest` gives where no row covers."""

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def window_sum(start: Int64, stop: Int64, values: Int64 | None, size: int) -> Int64:
    """Sum, for each of ``size`` examples, the values of the rows that cover it.

    Args:
        start: for each row the first example that sees it.
        stop: for each row one past the last; equal to ``start`` if none does.
        values: one int64 a row; None counts rows.
        size: the number of examples.

    Returns:
        ``(size,)`` sums modulo 2**64: right whenever the true sum fits.
    """
    if values is None:
        change = np.bincount(start, minlength=size + 1) - np.bincount(stop, minlength=size + 1)
    else:
        change = np.zeros(size + 1, np.int64)
        np.add.at(change, start, values)
        np.subtract.at(change, stop, values)
    return np.cumsum(change[:size], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Cover:
    """Rows that cover ranges of examples, grouped by the power of two that halves them."""

    size: int
    rows: Int64
    left: Int64
    right: Int64
    bounds: Int64

    @classmethod
    def of(cls, start: Int64, stop: Int64, size: int) -> Cover:
        """Group rows by level; rows that cover nothing are left out."""
        length = stop - start
        level = (np.frexp(length.astype(np.float64))[1] - 1).astype(np.int8)
        rows = np.argsort(level, kind="stable")  # radix sort, for it is one byte
        depth = max(int(size).bit_length(), 1)
        bounds = np.searchsorted(level[rows], np.arange(depth + 1))
        block = np.int64(1) << np.maximum(level, 0).astype(np.int64)
        return cls(size, rows, start[rows], (stop - block)[rows], bounds)

    def greatest(self, values: Int64) -> Int64:
        """Return for each example the greatest value of the rows that cover it, or ``LEAST``.

        Args:
            values: one int64 a row, ``LEAST`` for a row that takes no part.
        """
        return self.extreme(values, np.maximum, LEAST)

    def extreme(self, values: NDArray[Any], pick: np.ufunc, idle: Any) -> NDArray[Any]:
        """Return for each example the extreme of the rows that cover it.

        Args:
            values: one number a row, ``idle`` for a row that takes no part.
            pick: ``np.maximum`` or ``np.minimum``.
            idle: what every value beats, and what is returned where no row covers.
        """
        top = np.full(self.size, idle, values.dtype)
        for level, group in self._levels():
            half = 1 << level  # blocks of twice this size are pushed down to their halves
            pick(top[half:], top[:-half], out=top[half:])
            chosen = values[self.rows[group]]
            pick.at(top, self.left[group], chosen)
            if level:
                pick.at(top, self.right[group], chosen)
        return top

    def _levels(self) -> Iterator[tuple[int, slice]]:
        filled = np.flatnonzero(np.diff(self.bounds))
        for level in range(int(filled[-1]) if filled.size else -1, -1, -1):
            yield level, slice(self.bounds[level], self.bounds[level + 1])


@dataclass(frozen=True, slots=True)
class Runs:
    """Examples that see runs of rows, grouped by the power of two that halves them."""

    size: int
    examples: Int64
    left: Int64
    right: Int64
    bounds: Int64

    @classmethod
    def of(cls, start: Int64, stop: Int64) -> Runs:
        """Group examples by level; those that see nothing are left out."""
        level = (np.frexp((stop - start).astype(np.float64))[1] - 1).astype(np.int8)
        examples = np.argsort(level, kind="stable")  # radix sort, for it is one byte
        bounds = np.searchsorted(level[examples], np.arange(int(level.max(initial=-1)) + 2))
        block = np.int64(1) << np.maximum(level, 0).astype(np.int64)
        return cls(len(start), examples, start[examples], (stop - block)[examples], bounds)

    def extreme(self, values: NDArray[Any], pick: np.ufunc, idle: Any) -> NDArray[Any]:
        """Return for each example the extreme of the rows of its run, as :meth:`Cover.extreme`.

        A sparse table, level by level: ``block[i]`` is the extreme of ``2**level`` rows from *i*.
        """
        best = np.full(self.size, idle, values.dtype)
        block = values
        for level, (first, last) in enumerate(itertools.pairwise(self.bounds.tolist())):
            if level:
                half = 1 << (level - 1)
                block = pick(block[:-half], block[half:])
            group = slice(first, last)
            found = pick(block[self.left[group]], block[self.right[group]])
            best[self.examples[group]] = found
        return best


def square_limbs(values: Int64) -> tuple[Int64, Int64, Int64]:
    """Split the squares of values below 2**47 into three limbs below 2**32, lowest first."""
    size = np.abs(values).astype(np.uint64)
    low, high = size & _LOW, size >> _HALF
    square = low * low
    middle = (square >> _HALF) + ((low * high) << np.uint64(1))
    top = (middle >> _HALF) + high * high
    return (
        (square & _LOW).view(np.int64),
        (middle & _LOW).view(np.int64),
        top.view(np.int64),
    )


def join_limbs(limbs: tuple[Int64, ...]) -> tuple[UInt64, UInt64]:
    """Return sums of limbs (each non-negative, in base 2**32) as one 128-bit integer (high, low)."""
    low, middle, top = (limb.view(np.uint64) for limb in limbs)
    carried = middle + (low >> _HALF)
    return top + (carried >> _HALF), (carried << _HALF) | (low & _LOW)


def total_of(s1: Int64, quantum: float) -> Float64:
    """Finish a sum."""
    return s1.astype(np.float64) * quantum


def mean_of(n: Int64, s1: Int64, quantum: float) -> Float64:
    """Finish a mean (or a rate, with quantum 1); NaN where n is 0."""
    return s1.astype(np.float64) / np.where(n > 0, n, np.nan) * quantum


def deviation(n: Int64, s1: Int64, s2: tuple[UInt64, UInt64], quantum: float) -> Float64:
    """Finish a standard deviation with ddof 1; NaN where n is below 2.

    The variance is ``(n*s2 - s1**2) / (n*(n-1))``, its numerator an exact integer.

    Args:
        n: number of values.
        s1: their sum, in quanta.
        s2: the sum of their squares as a 128-bit integer (high, low words).
        quantum: a power of two.
    """
    high, low = s2
    squares = high.astype(np.float64) * 2.0**64 + low.astype(np.float64)
    total = s1.astype(np.float64)
    narrow = np.maximum(n * squares, total * total) < 2.0**62
    numerator = (n * low.view(np.int64) - s1 * s1).astype(np.float64)
    if not narrow.all():
        wide = np.flatnonzero(~narrow)
        numerator[wide] = _wide_numerator(n[wide], s1[wide], high[wide], low[wide])
    pairs = n * (n - 1)
    variance = numerator / np.where(n > 1, pairs.astype(np.float64), math.nan)
    root: Float64 = np.sqrt(variance) * quantum
    return root


def _wide_numerator(n: Int64, s1: Int64, high: UInt64, low: UInt64) -> Float64:
    """Round ``n*s2 - s1**2`` to the nearest double, from 128 bits or Python's integers."""
    count = n.astype(np.uint64)
    carried, scaled_low = _product(count, low)
    scaled_high = carried + count * high
    magnitude = np.abs(s1).view(np.uint64)
    square_high, square_low = _product(magnitude, magnitude)
    borrow = (scaled_low < square_low).astype(np.uint64)
    numerator = _to_float(scaled_high - square_high - borrow, scaled_low - square_low)
    beyond = n.astype(np.float64) * (high.astype(np.float64) + 1.0) >= 2.0**62
    for i in np.flatnonzero(beyond):
        exact = int(n[i]) * ((int(high[i]) << 64) | int(low[i])) - int(s1[i]) ** 2
        numerator[i] = float(exact)
    return numerator


def _product(a: UInt64, b: UInt64) -> tuple[UInt64, UInt64]:
    """Multiply 64 by 64 bits into (high, low) words."""
    a_low, a_high, b_low, b_high = a & _LOW, a >> _HALF, b & _LOW, b >> _HALF
    low, cross, other = a_low * b_low, a_low * b_high, a_high * b_low
    middle = (low >> _HALF) + (cross & _LOW) + (other & _LOW)
    high = a_high * b_high + (cross >> _HALF) + (other >> _HALF) + (middle >> _HALF)
    return high, (middle << _HALF) | (low & _LOW)


def _to_float(high: UInt64, low: UInt64) -> Float64:
    """Round 128-bit integers to the nearest double, as ``float(int)`` does.

    The top 64 bits keep at least nine more than a double's 53, and what is cut off sets the
    lowest of them, so the one rounding at the end sees on which side of a tie it is.
    """
    result = low.astype(np.float64)
    wide = np.flatnonzero(high)
    if wide.size:
        upper, lower = high[wide], low[wide]
        shift = np.frexp(upper.astype(np.float64))[1].astype(np.uint64)
        top = (upper << (np.uint64(64) - shift)) | (lower >> shift)
        cut = (lower & ((np.uint64(1) << shift) - np.uint64(1))) != 0
        result[wide] = np.ldexp((top | cut).astype(np.float64), shift.astype(np.int32))
    return result
