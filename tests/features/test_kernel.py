"""The kernels agree with the plainest code that says the same."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lapwise.features.kernel import (
    LEAST,
    Cover,
    Int64,
    deviation,
    join_limbs,
    mean_of,
    square_limbs,
    window_sum,
)

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
