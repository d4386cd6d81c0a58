import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapwise.core.deployment import Deployment
from lapwise.core.model import Metric
from lapwise.core.observation import DayPerformance, HourCounts
from lapwise.server.observed import (
    DAY,
    Point,
    by_day,
    by_month,
    divergence,
    merged,
    points,
    stability_index,
    takeovers,
    trailing,
)

HOUR = DAY // 24
COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=12)


def deployed(revision: int, at: int, production: str) -> Deployment:
    return Deployment(model="m", production=production, revision=revision, at=at)


def hour(version: str, at: int, *counts: int) -> HourCounts:
    return HourCounts(model="m", version=version, hour=at, rows=sum(counts), bins={"x": counts})


@given(COUNTS, st.data())
def test_a_distance_is_symmetric_and_between_0_and_1(left: list[int], data: st.DataObject) -> None:
    right = data.draw(st.lists(st.integers(0, 1000), min_size=len(left), max_size=len(left)))
    found = divergence(left, right)
    if not sum(left) or not sum(right):
        assert found is None
    else:
        assert found is not None
        assert 0 <= found <= 1
        assert found == pytest.approx(divergence(right, left) or 0.0)


@given(COUNTS)
def test_what_is_the_same_has_no_distance(counts: list[int]) -> None:
    if sum(counts):
        assert divergence(counts, [3 * one for one in counts]) == pytest.approx(0, abs=1e-7)
        assert stability_index(counts, counts) == pytest.approx(0, abs=1e-12)


def test_distances_are_those_of_scipy() -> None:
    from scipy.spatial.distance import jensenshannon

    left, right = (10, 20, 0, 70), (5, 5, 40, 50)
    assert divergence(left, right) == pytest.approx(jensenshannon(left, right, base=2))


def test_other_bins_cannot_be_compared() -> None:
    assert divergence((1, 2), (1, 2, 3)) is None
    assert stability_index((1, 2), (1, 2, 3)) is None


def test_days_hold_the_counts_of_who_was_in_production() -> None:
    """A shadow answers the same rows, and is not counted."""
    changes = takeovers([deployed(2, 36 * HOUR, "new"), deployed(1, 0, "old")])
    hours = [
        hour("old", HOUR, 1, 2),
        hour("new", HOUR, 50, 50),
        hour("old", 2 * HOUR, 3, 4),
        hour("old", 30 * HOUR, 1, 0),
        hour("new", 40 * HOUR, 5, 5),
    ]
    found = by_day(hours, changes)
    assert [(day.day, day.version, day.rows, day.bins["x"]) for day in found] == [
        (0, "old", 10, (4, 6)),
        (DAY, "new", 10, (5, 5)),
    ]


def test_a_takeover_is_a_change_of_production_only() -> None:
    found = takeovers(
        [deployed(3, 30, "b"), deployed(2, 20, "a"), deployed(1, 10, "a"), deployed(4, 40, "a")]
    )
    assert [(one.at, one.version) for one in found] == [(10, "a"), (30, "b"), (40, "a")]


def test_days_without_a_number_are_left_out() -> None:
    days = [
        DayPerformance(
            model="m", day=place * DAY, rows=2, labelled=1, base_rate=0.5, mean_score=0.5,
            metrics=(Metric(name="roc_auc", value=value),),
        )
        for place, value in enumerate((0.7, math.nan, 0.8))
    ]  # fmt: skip
    assert [one.value for one in points(days, "roc_auc")] == [0.7, 0.8]
    assert points(days, "log_loss") == []


def test_means_are_by_rows_and_by_calendar_month() -> None:
    series = [Point(0, 1.0, 1), Point(30 * DAY, 2.0, 3), Point(31 * DAY, 5.0, 0)]
    assert [(one.at, one.value) for one in by_month(series)] == [(0, 1.75), (31 * DAY, 5.0)]
    assert [one.value for one in trailing(series)] == [1.0, 2.0, 2.0]


def test_sums_of_days() -> None:
    days = by_day([hour("v", 0, 1, 2), hour("v", DAY, 3, 4)], [])
    assert merged(days) == {"x": (4, 6)}
