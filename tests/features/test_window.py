"""What is made of a window does not depend on the way there, and has the type it should."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from lapwise.features import model as lw
from lapwise.features.model import FeatureView
from lapwise.features.offline.seen import Seen
from tests.features.reference import Row
from tests.features.test_join import EXAMPLE, PROMPT, RUN, TABLE, VIEWS, joined, table_of


@settings(max_examples=60)
@given(st.lists(EXAMPLE, min_size=1, max_size=8), st.one_of(RUN, PROMPT), VIEWS, st.booleans())
def test_the_path_taken_changes_no_bit(
    examples: list[Row], rows: list[Row], view: FeatureView, ascending: bool
) -> None:
    """Where examples see runs of rows, the way for any pattern says the same."""
    table = table_of(rows)
    if ascending:
        table = table.sort("event", maintain_order=True)
    fast = joined(examples, table, view, known=True)
    with patch.object(Seen, "contiguous", False):
        assert_frame_equal(joined(examples, table, view, known=True), fast, check_exact=True)


def test_types_come_out_as_documented() -> None:
    """Counts and sums of whole numbers are Int64, first to max keep their type, the rest floats."""
    found = joined([{"who": "a", "at": 9}], table_of([]))
    types = {name.removesuffix("_5us"): dtype for name, dtype in found.schema.items()}
    assert types["view_count"] == types["view_sum_i"] == types["view_sum_b"] == pl.Int64
    assert types["view_last_s"] == pl.String
    assert types["view_max_b"] == pl.Boolean
    floats = ("mean_i", "std_i", "sum_f", "mean_f", "std_f", "rate_b", "coarse", "max_f")
    assert {types[f"view_{name}"] for name in floats} == {pl.Float64}


@pytest.mark.parametrize(
    "dtype",
    [pl.UInt64, pl.Int8, pl.Float32, pl.Date, pl.Time, pl.Duration("us"), pl.Datetime("ms")],
    ids=str,
)
def test_extremes_and_ends_of_other_types(dtype: Any) -> None:
    """First, last, min and max work on every number and time, its extreme values included."""
    values = pl.Series([3, 1, 2], dtype=pl.Int64).cast(dtype)
    if dtype == pl.UInt64:
        values = pl.Series([2**64 - 1, 0, 2**63], dtype=dtype)
    rows = table_of([{"key": k, "event": k, "known": k, "who": "a"} for k in range(3)])
    kinds = {kind: getattr(lw, kind)("x", within="1s") for kind in ("first", "last", "min", "max")}
    found = joined(
        [{"who": "a", "at": 9}], rows.with_columns(x=values), FeatureView("v", TABLE, "who", kinds)
    )
    wanted = [values[0], values[2], values.min(), values.max()]
    assert list(found.row(0)[2:]) == wanted
    assert {found.schema[kind] for kind in kinds} == {values.dtype}


@pytest.mark.parametrize("dtype", [pl.Float32, pl.Float64])
@pytest.mark.parametrize("late", [0, 4])
def test_minus_zero_leaves_as_zero(dtype: Any, late: int) -> None:
    """And NaN and null are passed over, whichever way the rows come to be known."""
    kinds = ("last", "first", "min", "max", "sum", "mean", "distinct")
    view = FeatureView(
        "v", TABLE, "who", {kind: getattr(lw, kind)("x", within="1s") for kind in kinds}
    )
    values = pl.Series([None, -0.0, float("nan"), -0.0, None], dtype=dtype)
    rows = [
        {"key": k, "event": k, "known": k + (late if k == 0 else 0), "who": "a"} for k in range(5)
    ]
    found = joined([{"who": "a", "at": 9}], table_of(rows).with_columns(x=values), view)
    assert repr(found.row(0)[2:]) == "(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1)"


def test_each_column_passes_over_its_own_nulls() -> None:
    """The last of one column is in another row than the last of the next."""
    view = FeatureView("v", TABLE, "who", {c: lw.last(c, within="1s") for c in ("f", "i", "s")})
    row = {"known": 1, "who": "a"}
    rows = [
        row | {"key": 1, "event": 1, "f": 1.0, "i": 1, "s": "x"},
        row | {"key": 2, "event": 2, "f": 2.0, "i": 2, "s": None},
        row | {"key": 3, "event": 3, "f": 3.0, "i": None, "s": None},
    ]
    assert joined([{"who": "a", "at": 9}], table_of(rows), view).row(0)[2:] == (3.0, 2, "x")


def test_a_value_that_no_example_sees_is_no_error() -> None:
    """An infinity known after every example changes nothing, nor one outside every window."""
    row = {"key": 1, "event": 10, "known": 10, "who": "a", "f": 1.0}
    unseen = [row | {"key": 2, "event": 1, "known": 1, "f": float("inf")}]
    unseen.append(row | {"key": 3, "event": 30, "known": 30, "f": float("inf")})
    view = FeatureView("v", TABLE, "who", {"sum": lw.sum("f", within="5us")})
    asked = [{"who": "a", "at": 12}, {"who": "b", "at": 31}]
    assert joined(asked, table_of([row, *unseen]), view)["sum"].to_list() == [1.0, None]
