import math

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from lapwise.monitoring.bins import Bins, freeze_bins, place


def test_quantiles_are_about_equally_full_and_what_lies_outside_has_bins_of_its_own() -> None:
    column = pl.Series("x", range(1_000), dtype=pl.Float64)
    bins = freeze_bins(column, 10)
    counts = [place(bins, column).tolist().count(code) for code in range(bins.size)]
    assert bins.size == 13
    assert counts == [0, 0, *[99] * 9, 109, 0] or max(counts[2:12]) - min(counts[2:12]) <= 10
    assert place(bins, [-1, 0, 999, 1_000, None, math.nan, math.inf, "x"]).tolist() == [
        *(1, 2, 11, 12),
        *(0, 0, 0, 0),
    ]


def test_a_few_distinct_numbers_have_a_bin_each() -> None:
    bins = freeze_bins(pl.Series("hour", [3, 3, 3, 5, 9]), 10)
    assert place(bins, [3, 4, 5, 8, 9, 10, 2]).tolist() == [2, 2, 3, 3, 4, 5, 1]


def test_booleans_are_numbers_and_a_constant_has_one_bin() -> None:
    bins = freeze_bins(pl.Series("flag", [True, True]), 10)
    assert place(bins, [True, False, None]).tolist() == [2, 1, 0]


def test_frequent_categories_have_bins_and_the_rest_share_one() -> None:
    column = pl.Series("shop", ["a"] * 5 + ["b"] * 5 + ["c"] * 2 + [""] + [None], dtype=pl.String)
    bins = freeze_bins(column, 2)
    assert bins == Bins(name="shop", kind="text", categories=("a", "b"))
    assert place(bins, ["b", "c", "new", "", None, 7]).tolist() == [2, 3, 3, 0, 0, 3]


def test_a_column_without_values_can_be_placed() -> None:
    bins = freeze_bins(pl.Series("x", [None, None], dtype=pl.Float64), 10)
    assert place(bins, [None, 1.0]).tolist() == [0, 1]


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True) | st.none(), min_size=1))
def test_every_value_has_a_bin_and_the_reference_s_own_are_inside(
    values: list[float | None],
) -> None:
    column = pl.Series("x", values, dtype=pl.Float64)
    bins = freeze_bins(column, 5)
    codes = place(bins, values)
    assert codes.min() >= 0
    assert codes.max() < bins.size
    finite = [
        code
        for code, value in zip(codes, values, strict=True)
        if math.isfinite(math.nan if value is None else value)
    ]
    assert all(2 <= code <= bins.size - 1 for code in finite)
    assert place(bins, column).tolist() == codes.tolist()
