"""How features are spread: exact counts, whatever the values are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lapwise.core.feature import FRAME_SUMMARY, FeatureSummary, FrameSummary
from lapwise.features.summary import SHARES, keep_summary, summarize
from lapwise.loop.spread import bin_labels
from lapwise.store.model import Store


def spread(values: Sequence[object], dtype: pl.DataType | type[pl.DataType]) -> FeatureSummary:
    return summarize(pl.Series("f", values, dtype=dtype))


@given(
    st.lists(
        st.none() | st.floats(width=64) | st.integers(-5, 5).map(float) | st.just(-0.0),
        max_size=60,
    )
)
@example([0.0, -1.6000000000000002e308])
@example([1.7e308, -1.7e308, 1.0])
def test_every_row_is_counted_once(values: list[float | None]) -> None:
    """Nulls, NaN and infinities apart, each value lies in the bin whose edges say so."""
    found = spread(values, pl.Float64)
    finite = sorted(one for one in values if one is not None and math.isfinite(one))
    assert found.rows == len(values)
    assert found.nulls == values.count(None)
    assert found.odd == len(values) - found.nulls - len(finite)
    assert found.distinct == len(set(finite))
    assert sum(found.counts) == len(finite)
    assert len(found.edges) == (len(found.counts) + 1 if finite else 0)
    assert list(found.edges) == sorted(found.edges)
    if finite:
        assert (found.minimum, found.maximum) == (finite[0], finite[-1])
        assert [share for share, _ in found.quantiles] == list(SHARES)
        assert all(value in finite for _, value in found.quantiles)
        last = len(found.counts) - 1
        for place, count in enumerate(found.counts):
            low, high = found.edges[place : place + 2]
            inside = [v for v in finite if low <= v < high or (place == last and v == high)]
            assert count == len(inside)
    assert len(bin_labels(found)) == len(found.counts)


@given(st.lists(st.integers(-(2**62), 2**62) | st.integers(-3, 3), min_size=1, max_size=40))
def test_whole_numbers_are_told_apart_though_doubles_cannot(values: list[int]) -> None:
    found = spread(values, pl.Int64)
    assert found.distinct == len(set(values))
    assert sum(found.counts) == len(values)
    assert len(bin_labels(found)) == len(found.counts) <= 40


def test_an_outlier_does_not_make_one_bar_of_the_rest() -> None:
    rng = np.random.default_rng(1)
    found = spread([*rng.normal(0, 1, 5000), 1e9], pl.Float64)
    assert len([count for count in found.counts if count > 100]) >= 8
    assert found.edges[-1] == 1e9
    assert found.counts[-1] >= 1


def test_small_whole_numbers_have_a_bin_each() -> None:
    hours = [one % 24 for one in range(2400)]
    found = spread(hours, pl.Int8)
    assert found.counts == (100,) * 24
    assert bin_labels(found) == tuple(str(one) for one in range(24))


def test_what_is_all_the_same_or_missing() -> None:
    same = spread([7.5] * 3, pl.Float64)
    assert (same.edges, same.counts, same.std, bin_labels(same)) == (
        (7.5, 7.5),
        (3,),
        0.0,
        ("7.5",),
    )
    one = spread([1], pl.Int64)
    assert (one.std, one.counts) == (None, (1,))
    for nothing in (spread([None, None], pl.Float64), spread([], pl.Int64)):
        assert (nothing.counts, nothing.mean, nothing.distinct) == ((), None, 0)
    assert spread([float("nan")], pl.Float64).odd == 1
    assert spread([1e308, -1e308, 1e308], pl.Float64).minimum == -1e308


@pytest.mark.parametrize(
    ("values", "dtype", "labels"),
    [
        ([datetime(2013, 1, 1, tzinfo=UTC)] * 2, pl.Datetime("ns", "UTC"), ("2013-01-01 00:00",)),
        ([date(2013, 1, 1)], pl.Date, ("2013-01-01",)),
        ([timedelta(minutes=90)], pl.Duration("ms"), ("1h30m",)),
        ([time(7, 30)], pl.Time, ("07:30",)),
        ([Decimal("1.50")], pl.Decimal(10, 2), ("1.5",)),
        ([True, True, False, None], pl.Boolean, ("true", "false")),
        (["b", "a", "b"], pl.Categorical, ("b", "a")),
    ],
)
def test_values_of_every_type_are_told(
    values: list[object], dtype: pl.DataType, labels: tuple[str, ...]
) -> None:
    assert bin_labels(spread(values, dtype)) == labels


def test_many_texts_are_cut_off_and_counted() -> None:
    values = [f"{'x' * 80}{one % 30:02d}" for one in range(90)] + ["often"] * 10
    found = spread(values, pl.String)
    assert (found.distinct, len(found.values), found.values[0]) == (31, 20, "often")
    assert found.other == 100 - sum(found.counts)
    assert max(map(len, found.values)) == 60


def test_of_lists_only_nulls_are_counted() -> None:
    found = spread([[1], None], pl.List(pl.Int64))
    assert (found.nulls, found.counts, found.distinct) == (1, (), None)


def test_a_summary_is_kept_under_its_frame(sqlite_store: Store) -> None:
    frame = pl.DataFrame(
        {
            "row": ["a", "b"],
            "at": [datetime(2013, 1, day, tzinfo=UTC) for day in (2, 1)],
            "n": [1, None],
        }
    )
    kept = keep_summary("f" * 64, frame, ["n"], time="at", store=sqlite_store)
    assert sqlite_store.records.get(FRAME_SUMMARY, "f" * 64, FrameSummary) == kept
    assert (kept.start or 0) < (kept.end or 0)
    assert kept.features[0].null_share == 0.5
