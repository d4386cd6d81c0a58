"""Bounds that hold at all times: known numbers, shapes, and coverage by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapwise.rollout.confidence import (
    Moments,
    bound_difference_above,
    bound_difference_below,
    bound_mean,
    bound_rate_above,
    bound_rate_below,
    log_mean_evidence,
    moments,
)

ALPHA = 0.01


def test_no_failure_in_a_hundred_units_excludes_five_points() -> None:
    assert bound_difference_above(0, 100, 0, 900, ALPHA) < 0.05
    assert bound_difference_above(0, 100, 0, 0, ALPHA) < 0.05
    assert bound_difference_above(0, 90, 0, 900, ALPHA) > 0.05
    # Once, at a moment fixed beforehand, Clopper and Pearson would say:
    assert bound_rate_above(0, 100, ALPHA) > 1 - ALPHA ** (1 / 100)


@given(st.integers(1, 2000), st.floats(0, 1))
def test_a_rate_lies_between_its_bounds(units: int, share: float) -> None:
    events = share * units
    assert bound_rate_below(events, units, ALPHA) <= share + 1e-9
    assert bound_rate_above(events, units, ALPHA) >= share - 1e-9


@given(st.integers(1, 500), st.integers(0, 499))
def test_more_failures_never_lower_a_bound(units: int, events: int) -> None:
    if events >= units:
        return
    assert bound_rate_above(events + 1, units, ALPHA) >= bound_rate_above(events, units, ALPHA)
    assert bound_rate_below(events + 1, units, ALPHA) >= bound_rate_below(events, units, ALPHA)


@given(st.integers(10, 1000), st.floats(0, 0.5))
def test_more_units_at_the_same_rate_are_never_vaguer(units: int, rate: float) -> None:
    less = bound_rate_above(rate * units, units, ALPHA)
    assert bound_rate_above(2 * rate * units, 2 * units, ALPHA) <= less + 1e-9


@given(st.integers(1, 300), st.integers(0, 300))
def test_being_surer_is_being_vaguer(units: int, events: int) -> None:
    events = min(events, units)
    assert bound_rate_above(events, units, 0.001) >= bound_rate_above(events, units, 0.01)
    assert bound_rate_below(events, units, 0.001) <= bound_rate_below(events, units, 0.01)


@pytest.mark.parametrize("rate", [0.005, 0.05, 0.3])
def test_a_rate_is_hardly_ever_outside_however_often_one_looks(rate: float) -> None:
    random = np.random.default_rng(11)
    above = below = 0
    looks = np.unique(np.geomspace(20, 3000, 25).astype(int))
    for _ in range(300):
        # Units' own rates, not all or nothing: the bound must hold for them too.
        values = random.beta(rate * 0.5, (1 - rate) * 0.5, 3000)
        sums = np.cumsum(values)[looks - 1]
        pairs = [(float(s), int(n)) for s, n in zip(sums, looks, strict=True)]
        above += any(bound_rate_above(s, n, 0.05) < rate for s, n in pairs)
        below += any(bound_rate_below(s, n, 0.05) > rate for s, n in pairs)
    assert max(above, below) <= 15, "5 per cent of 300"


def test_the_mean_s_bound_has_the_published_shape() -> None:
    # sigma sqrt(2 (t r + 1)/(t^2 r) ln(1 + sqrt(t r + 1)/(2 alpha))), r tuned to t.
    t, sigma = 1000, 0.4
    r = (-2 * math.log(ALPHA) + math.log(-2 * math.log(ALPHA) + 1)) / t
    width = sigma * math.sqrt(
        2 * (t * r + 1) / (t**2 * r) * math.log(1 + math.sqrt(t * r + 1) / (2 * ALPHA))
    )
    found = bound_mean(sigma / math.sqrt(t), t, tuned=t, alpha=ALPHA)
    assert found == pytest.approx(width)
    assert 3.3 < found / (sigma / math.sqrt(t)) < 3.4, "a fixed sample would have 2.33"


def test_means_are_hardly_ever_outside_however_often_one_looks() -> None:
    random = np.random.default_rng(5)
    outside = accused = 0
    looks = np.unique(np.geomspace(30, 5000, 80).astype(int))
    for _ in range(400):
        values = random.exponential(1.0, 5000)
        for n in looks:
            part = values[:n]
            error, mean = float(part.std()) / math.sqrt(n), float(part.mean()) - 1.0
            if mean - bound_mean(error, n, tuned=500, alpha=0.05) > 0:
                outside += 1
                break
        for n in looks:
            part = values[:n]
            error, mean = float(part.std()) / math.sqrt(n), float(part.mean()) - 1.0
            if log_mean_evidence(mean / error, n, tuned=500, alpha=0.05) > math.log(20):
                accused += 1
                break
    assert outside <= 20
    assert accused <= 20, "5 per cent of 400"


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50))
def test_moments_do_not_depend_on_order(values: list[float]) -> None:
    assert moments(values) == moments(sorted(values))


def test_padding_keeps_a_variance_of_nothing_from_being_believed() -> None:
    padded = Moments(count=98, mean=0.0, variance=0.0).padded(1.0, -1.0)
    assert padded == Moments(count=100, mean=0.0, variance=0.02)


def test_the_difference_s_lower_bound_is_below_its_upper() -> None:
    below = bound_difference_below(10, 100, 50, 1000, ALPHA)
    assert below < 0.05 < bound_difference_above(10, 100, 50, 1000, ALPHA)
