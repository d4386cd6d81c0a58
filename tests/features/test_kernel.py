"""The kernels agree with the plainest code that says the same."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lapwise.features.kernel import (
    LEAST,
    Cover,
    Int64,
    Runs,
    deviation,
    join_limbs,
    mean_of,
    square_limbs,
    window_sum,
)
from lapwise.features.offline.distinct import distinct, identities
from lapwise.features.offline.layers import Layers

SIZE = 37
RANGES = st.lists(
    st.tuples(st.integers(0, SIZE), st.integers(0, SIZE), st.integers(-(2**62), 2**62)),
    max_size=40,
)


def laid_out(ranges: list[tuple[int, int, int]]) -> tuple[Int64, Int64, Int64]:
    """Return starts, stops and values of rows."""
    start = np.array([min(a, b) for a, b, _ in ranges], np.int64)
    stop = np.array([max(a, b) for a, b, _ in ranges], np.int64)
    return start, stop, np.array([value for _, _, value in ranges], np.int64)


@given(RANGES)
def test_sums_are_right_modulo_two_to_the_64(ranges: list[tuple[int, int, int]]) -> None:
    """Each example gets the sum, and the number, of the rows that cover it."""
    start, stop, values = laid_out(ranges)
    covering = [[v for a, b, v in ranges if min(a, b) <= i < max(a, b)] for i in range(SIZE)]
    sums = window_sum(start, stop, values, SIZE)
    assert [int(s) % 2**64 for s in sums] == [sum(c) % 2**64 for c in covering]
    assert window_sum(start, stop, None, SIZE).tolist() == [len(c) for c in covering]


@given(RANGES)
def test_the_greatest_is_the_greatest(ranges: list[tuple[int, int, int]]) -> None:
    """Each example gets the greatest value of the rows that cover it, or LEAST."""
    start, stop, values = laid_out(ranges)
    wanted = [
        max((v for a, b, v in ranges if min(a, b) <= i < max(a, b)), default=int(LEAST))
        for i in range(SIZE)
    ]
    assert Cover.of(start, stop, SIZE).greatest(values).tolist() == wanted


@given(RANGES, st.sampled_from([np.maximum, np.minimum]))
def test_an_extreme_of_any_numbers_is_the_extreme(
    ranges: list[tuple[int, int, int]], pick: np.ufunc
) -> None:
    """Floats go the same way; ``idle`` is what nothing sees."""
    start, stop, values = laid_out(ranges)
    floats, idle = values / 3.0, -math.inf if pick is np.maximum else math.inf
    better = max if pick is np.maximum else min
    wanted = [
        better((f for a, b, f in zip(start, stop, floats, strict=True) if a <= i < b), default=idle)
        for i in range(SIZE)
    ]
    assert Cover.of(start, stop, SIZE).extreme(floats, pick, idle).tolist() == wanted
    seen = np.arange(SIZE) / 7.0
    runs = [
        better((float(seen[i]) for i in range(int(a), int(b))), default=idle)
        for a, b in zip(start, stop, strict=True)
    ]
    assert Runs.of(start, stop).extreme(seen, pick, idle).tolist() == runs


@given(RANGES, st.lists(st.integers(1, 45), min_size=1, max_size=5))
def test_layers_are_the_latest_rows_one_after_the_other(
    ranges: list[tuple[int, int, int]], places: list[int]
) -> None:
    """Any place may be asked for, in any order."""
    start, stop, _ = laid_out(ranges)
    layers = Layers(np.arange(len(start)), start, stop, SIZE)
    for place in places:
        covering = [[r for r in range(len(start)) if start[r] <= i < stop[r]] for i in range(SIZE)]
        wanted = [rows[-place] if len(rows) >= place else -1 for rows in covering]
        assert layers.row(place).tolist() == wanted


@given(RANGES)
def test_each_value_counts_once(ranges: list[tuple[int, int, int]]) -> None:
    """Rows of one value may overlap in any way; -1 is no value."""
    start, stop, values = laid_out(ranges)
    number = values % 5 - 1
    wanted = [
        len({n for a, b, n in zip(start, stop, number.tolist(), strict=True) if a <= i < b} - {-1})
        for i in range(SIZE)
    ]
    assert distinct(start, stop, number, SIZE).tolist() == wanted


@pytest.mark.parametrize(
    ("values", "different"),
    [
        (pl.Series([0.0, -0.0, None, 1.5]), 2),
        (pl.Series(["a", "", None, "a"]), 2),
        (pl.Series([b"a", b"", None, b"a"]), 2),
        (pl.Series([True, False, None]), 2),
        (pl.Series([2**64 - 1, 0, 2**63], dtype=pl.UInt64), 3),
        (pl.Series([-(2**63), 2**63 - 1, 0, 0]), 3),
        (pl.Series([-128, 127, 0], dtype=pl.Int8), 3),
        (pl.Series([2**100, 1, 2**100], dtype=pl.Int128), 2),
        (pl.Series([Decimal("1.0"), Decimal("1.00"), Decimal("2.5")]), 2),
        (pl.Series([date(2013, 1, 1), date(1, 1, 1), date(2013, 1, 1)]), 2),
        (pl.Series([timedelta(1), timedelta(-1), None]), 2),
        (pl.Series(["b", "a", "b"], dtype=pl.Categorical), 2),
        (pl.Series(["b", "a", "b"], dtype=pl.Enum(["a", "b", "c"])), 2),
        (pl.Series([None, None], dtype=pl.Int64), 0),
        (pl.Series([], dtype=pl.Float32), 0),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pl.Series) else "",
)
def test_equal_values_have_equal_numbers(values: pl.Series, different: int) -> None:
    """Whatever the type; null has none."""
    numbers = identities(values)
    assert len(set(numbers.tolist()) - {-1}) == different
    assert [number == -1 for number in numbers] == values.is_null().to_list()
    for value, number in zip(values, numbers, strict=True):
        assert all((value == v) == (number == n) for v, n in zip(values, numbers, strict=True))


VALUES = st.one_of(
    st.lists(st.integers(-(2**47) + 1, 2**47 - 1), max_size=6),
    st.lists(st.integers(-(2**20), 2**20), max_size=12),
    st.integers(-(2**47) + 1, 2**47 - 1).map(lambda value: [value] * 5),
)


@settings(max_examples=300)
@given(st.lists(VALUES, min_size=1, max_size=6), st.sampled_from([1.0, 2.0**-16, 8.0]))
def test_deviations_are_those_of_exact_integers(groups: list[list[int]], quantum: float) -> None:
    """The numerator is an exact integer, rounded once, however large."""
    n = np.array([len(group) for group in groups])
    s1 = np.array([sum(group) for group in groups], np.int64)
    flat = np.array([value for group in groups for value in group], np.int64)
    start = np.repeat(np.arange(len(groups)), n)
    limbs = [window_sum(start, start + 1, limb, len(groups)) for limb in square_limbs(flat)]
    s2 = join_limbs((limbs[0], limbs[1], limbs[2]))
    exact = [sum(value * value for value in group) for group in groups]
    assert [(int(h) << 64) | int(low) for h, low in zip(*s2, strict=True)] == exact
    found = deviation(n, s1, s2, quantum)
    for place, group in enumerate(groups):
        size = len(group)
        if size < 2:
            assert math.isnan(found[place])
        else:
            numerator = size * exact[place] - sum(group) ** 2
            wanted = math.sqrt(float(numerator) / float(size * (size - 1))) * quantum
            assert found[place] == wanted


@given(
    hnp.arrays(np.int64, 5, elements=st.integers(2, 2**31 - 1)),
    hnp.arrays(np.uint64, 5, elements=st.integers(0, 2**62)),
    hnp.arrays(np.uint64, 5, elements=st.integers(0, 2**64 - 1)),
)
def test_deviations_beyond_128_bits_are_exact_too(
    n: Int64,
    high: np.ndarray[tuple[int], np.dtype[np.uint64]],
    low: np.ndarray[tuple[int], np.dtype[np.uint64]],
) -> None:
    """Where n*s2 does not fit 128 bits, Python's integers take over and agree."""
    found = deviation(n, np.zeros(5, np.int64), (high, low), 1.0)
    for place in range(5):
        count = int(n[place])
        numerator = count * ((int(high[place]) << 64) | int(low[place]))
        assert found[place] == math.sqrt(float(numerator) / float(count * (count - 1)))


def test_the_mean_of_nothing_is_nothing() -> None:
    """NaN stands for null until the column is made."""
    found = mean_of(np.array([0, 4]), np.array([0, 6]), 0.5)
    assert math.isnan(found[0])
    assert found[1] == 0.75
