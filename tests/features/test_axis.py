"""Searches along the axis agree with plain comparisons, to the ends of int64."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from lapwise.features import model as lw
from lapwise.features.grain import last_sight, start_of
from lapwise.features.model import FeatureView
from lapwise.features.offline.axis import Timeline, sort_pairs
from lapwise.features.offline.join import point_in_time
from tests.features.test_join import MOMENT as SOON
from tests.features.test_join import TABLE, examples_of, table_of

LEAST, MOST = -(2**63), 2**63 - 1
MOMENT = st.one_of(
    st.integers(-9, 9),
    st.integers(-(2**45), 2**45),
    st.integers(LEAST, MOST),
    st.sampled_from([LEAST, LEAST + 1, MOST - 1, MOST]),
)
NEAR = st.integers(-9, 9)
PAIRS = st.one_of(
    st.lists(st.tuples(st.integers(0, 4), NEAR), max_size=12),
    st.lists(st.tuples(st.integers(0, 4), MOMENT), max_size=12),
    st.lists(st.tuples(st.integers(0, 4), st.integers(LEAST, LEAST + 2)), max_size=6),
    st.lists(st.tuples(st.integers(0, 4), st.integers(MOST - 2, MOST)), max_size=6),
    st.lists(st.tuples(st.integers(0, 2**30), st.integers(-(2**45), 2**45)), max_size=12),
)


@given(PAIRS)
def test_pairs_are_sorted(pairs: list[tuple[int, int]]) -> None:
    """By code, then by moment; and equal pairs stay in order where moments ascend."""
    by_moment = sorted(pairs, key=lambda pair: pair[1])
    for given_pairs in (pairs, by_moment):
        codes = np.array([code for code, _ in given_pairs], np.int64)
        moments = np.array([moment for _, moment in given_pairs], np.int64)
        order, found_codes, found = sort_pairs(codes, moments)
        assert list(zip(found_codes.tolist(), found.tolist(), strict=True)) == sorted(pairs)
        assert [given_pairs[i] for i in order] == sorted(pairs)
        if given_pairs is by_moment:
            assert order.tolist() == sorted(range(len(pairs)), key=by_moment.__getitem__)


@given(PAIRS, PAIRS)
def test_as_many_come_before(pairs: list[tuple[int, int]], wanted: list[tuple[int, int]]) -> None:
    """However far the moments lie apart, and whatever is looked for, again and again."""
    pairs, wanted = sorted(pairs), sorted(wanted)
    hay = Timeline(*(np.array([pair[i] for pair in pairs], np.int64) for i in (0, 1)))
    codes, moments = (np.array([pair[i] for pair in wanted], np.int64) for i in (0, 1))
    for _ in range(2):
        before = hay.count(codes, moments, after=False).tolist()
        until = hay.count(codes, moments, after=True).tolist()
        assert before == [sum(pair < one for pair in pairs) for one in wanted]
        assert until == [sum(pair <= one for pair in pairs) for one in wanted]


LENGTH = st.one_of(st.integers(1, 12), st.integers(1, 2**63 - 1))


@given(st.lists(MOMENT), LENGTH, LENGTH)
def test_windows_begin_on_the_grain(times: list[int], within: int, grain: int) -> None:
    """As Python's integers say, held to what int64 can say."""
    moments = np.array(times, np.int64)
    for width in (grain, 1):
        starts = [max((t - within) // width * width, LEAST) for t in times]
        assert start_of(moments, within, width).tolist() == starts
        ends = [min(e // width * width + width - 1 + within, MOST) for e in times]
        assert last_sight(moments, within, width).tolist() == ends


@given(st.integers(-60, 60), st.integers(-60, 60), st.integers(1, 9), st.integers(1, 9))
def test_a_row_is_in_a_window_until_its_last_sight(
    event: int, time: int, within: int, grain: int
) -> None:
    """The two say the same thing."""
    shown = start_of(np.array([time]), within, grain)[0] <= event
    assert shown == (time <= last_sight(np.array([event]), within, grain)[0])


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from([-3, 0, 1, 7, None]), SOON), min_size=1, max_size=8),
    st.lists(st.tuples(st.sampled_from([-9, -3, 0, 1, 2, 7, 127, None]), SOON), max_size=16),
    st.sampled_from([pl.Int8, pl.Int64]),
)
def test_whole_numbers_name_entities_as_anything_does(
    asked: list[tuple[int | None, int]], rows: list[tuple[int | None, int]], dtype: Any
) -> None:
    """Numbers that lie close together are looked up, others joined; the result is the same."""
    view = FeatureView(
        "v", TABLE, "i", {"n": lw.count(within="20us"), "x": lw.last("s", within="9us")}
    )
    table = table_of(
        [{"key": k, "event": at, "known": at, "s": str(k)} for k, (_, at) in enumerate(rows)]
    )
    table = table.with_columns(i=pl.Series([who for who, _ in rows], dtype=dtype))
    frame = examples_of([{"who": None, "at": at} for _, at in asked])
    frame = frame.with_columns(i=pl.Series([who for who, _ in asked], dtype=dtype))
    tables = {"history": table.lazy()}
    found = point_in_time(frame, [view], time="at", tables=tables)
    as_text = {"history": table.with_columns(pl.col("i").cast(pl.String)).lazy()}
    wanted = point_in_time(
        frame.with_columns(pl.col("i").cast(pl.String)), [view], time="at", tables=as_text
    )
    assert_frame_equal(found.drop("i"), wanted.drop("i"), check_exact=True)
