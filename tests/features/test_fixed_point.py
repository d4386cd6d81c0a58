"""Columns become quanta exactly, rounding ties to even, or are refused."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapwise.core.errors import FeatureError
from lapwise.features.fixed_point import (
    FixedPoint,
    check_squares,
    exact_window_sum,
    to_fixed_point,
)


@given(st.lists(st.floats(-1e9, 1e9)), st.integers(-20, 10))
def test_floats_round_to_the_nearest_quantum(values: list[float], exponent: int) -> None:
    """Each float is the nearest multiple of the quantum, ties to the even one."""
    fixed = to_fixed_point(pl.Series(values, dtype=pl.Float64), 2.0**exponent, "here")
    wanted = [round(Fraction(value) / Fraction(2) ** exponent) for value in values]
    assert fixed.values.tolist() == wanted
    assert fixed.largest == max(map(abs, wanted), default=0)


@given(st.lists(st.integers(-(2**61), 2**61)), st.integers(0, 20))
def test_integers_round_exactly(values: list[int], exponent: int) -> None:
    """Integers beyond a double's 53 bits are rounded as integers."""
    fixed = to_fixed_point(pl.Series(values, dtype=pl.Int64), 2.0**exponent, "here")
    assert fixed.values.tolist() == [round(Fraction(value, 2**exponent)) for value in values]


@pytest.mark.parametrize("exponent", [2, 3, 60])
def test_integers_at_the_ends_round_exactly(exponent: int) -> None:
    """The greatest numbers of 64 bits, with and without a sign, do not wrap."""
    for values, dtype in (([2**63 - 1, -(2**63)], pl.Int64), ([2**64 - 1, 2**63 + 1], pl.UInt64)):
        fixed = to_fixed_point(pl.Series(values, dtype=dtype), 2.0**exponent, "here")
        assert fixed.values.tolist() == [round(Fraction(one, 2**exponent)) for one in values]


def test_default_quanta() -> None:
    """Booleans, integers and durations count whole; floats in 1/65536; null is 0."""
    for series, quanta in (
        (pl.Series([True, None, False]), [1, 0, 0]),
        (pl.Series([3, None], dtype=pl.UInt8), [3, 0]),
        (pl.Series([timedelta(milliseconds=2)]).cast(pl.Duration("ms")), [2000]),
        (pl.Series([0.5, None], dtype=pl.Float32), [32768, 0]),
    ):
        assert to_fixed_point(series, None, "here").values.tolist() == quanta


@pytest.mark.parametrize(
    ("series", "fix"),
    [
        (pl.Series([1.0, -(2.0**46)]), r"quantum=2\*\*-15"),
        (pl.Series([2**62]), r"quantum=2\*\*1"),
        (pl.Series([2**64 - 1], dtype=pl.UInt64), r"quantum=2\*\*3"),
        (pl.Series([float("-inf")]), "infinite"),
    ],
)
def test_what_does_not_fit_is_refused(series: pl.Series, fix: str) -> None:
    """The error names the place, the largest value and a quantum that would do."""
    with pytest.raises(FeatureError, match=rf"(?s)here: a value does not fit.*{fix}"):
        to_fixed_point(series, None, "here")
    if "quantum" in fix:
        exponent = int(fix.rpartition("*")[2])
        to_fixed_point(series, 2.0**exponent, "here")


def test_squares_have_a_nearer_limit() -> None:
    """A deviation takes values below 2**47 quanta."""
    check_squares(FixedPoint(np.array([2**47 - 1]), 1.0, 2**47 - 1), "here")
    with pytest.raises(FeatureError, match=r"(?s)below 2\*\*47.*quantum=2\*\*1"):
        check_squares(FixedPoint(np.array([2**47]), 1.0, 2**47), "here")


@given(st.lists(st.integers(-(2**62) + 1, 2**62 - 1), min_size=1, max_size=6))
def test_a_sum_is_right_or_refused(values: list[int]) -> None:
    """A sum that fits int64 comes out even if parts of it do not; any other is refused."""
    column = np.array(values)
    fixed = FixedPoint(column, 1.0, int(np.abs(column).max()))
    total = sum(values)

    def add(
        rows: np.ndarray[tuple[int], np.dtype[np.int64]],
    ) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return np.array([rows.sum()])

    if -(2**63) <= total < 2**63:
        assert exact_window_sum(add, fixed, len(values), "here").tolist() == [total]
    else:
        with pytest.raises(FeatureError, match=r"(?s)here: the sum.*quantum=2\*\*[12]"):
            exact_window_sum(add, fixed, len(values), "here")
