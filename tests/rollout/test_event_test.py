"""The event test: known numbers, and Ville's inequality by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapwise.rollout.event_test import (
    log_evidence,
    log_evidence_of_stages,
    log_evidence_two_sided,
    null_share,
)

COUNTS = st.integers(0, 400)
SHARES = st.floats(0.01, 0.99)


def whole_mixture(candidate: int, control: int, share: float, null: float) -> float:
    """Return E by numbers: the likelihood averaged over Beta(10 share, 10 (1-share)) above null."""
    from scipy.integrate import quad
    from scipy.stats import beta

    prior = beta(10 * share, 10 * (1 - share))

    def ratio(theta: float) -> float:
        relative: float = (theta / null) ** candidate * ((1 - theta) / (1 - null)) ** control
        return relative * float(prior.pdf(theta))

    return float(quad(ratio, null, 1, limit=200)[0]) / float(prior.sf(null))


@pytest.mark.parametrize(
    ("candidate", "control", "share", "tolerance"),
    [(7, 0, 0.1, 1.0), (3, 12, 0.1, 1.0), (20, 10, 0.5, 1.0), (9, 20, 0.2, 1.5), (0, 8, 0.3, 1.0)],
)
def test_the_closed_form_is_the_mixture(
    candidate: int, control: int, share: float, tolerance: float
) -> None:
    expected = whole_mixture(candidate, control, share, null_share(share, tolerance))
    found = math.exp(log_evidence(candidate, control, share, tolerance=tolerance))
    assert found == pytest.approx(expected, rel=1e-5)


@given(COUNTS, COUNTS, SHARES)
def test_without_an_effect_the_next_failure_leaves_the_evidence_as_it_is_on_average(
    candidate: int, control: int, share: float
) -> None:
    now = log_evidence(candidate, control, share)
    if now < -100:  # scipy has few digits so far out, where evidence is nil
        return
    mean = share * math.exp(log_evidence(candidate + 1, control, share) - now)
    mean += (1 - share) * math.exp(log_evidence(candidate, control + 1, share) - now)
    assert mean == pytest.approx(1.0, rel=1e-6)


@given(COUNTS, COUNTS, SHARES, st.floats(1.05, 3.0))
def test_less_harm_than_tolerated_makes_evidence_shrink(
    candidate: int, control: int, share: float, tolerance: float
) -> None:
    now = log_evidence(candidate, control, share, tolerance=tolerance)
    if now < -100:  # scipy has few digits so far out, where evidence is nil
        return
    more = log_evidence(candidate + 1, control, share, tolerance=tolerance) - now
    less = log_evidence(candidate, control + 1, share, tolerance=tolerance) - now
    assert share * math.exp(more) + (1 - share) * math.exp(less) <= 1 + 1e-9


@given(COUNTS, COUNTS, SHARES)
def test_a_failure_of_the_candidate_adds_evidence_and_one_of_production_takes_some(
    candidate: int, control: int, share: float
) -> None:
    now = log_evidence(candidate, control, share)
    assert log_evidence(candidate + 1, control, share) >= now
    assert log_evidence(candidate, control + 1, share) <= now + 1e-12


@given(COUNTS, COUNTS)
def test_both_sides_of_a_half_are_alike(candidate: int, control: int) -> None:
    assert log_evidence_two_sided(candidate, control, 0.5) == pytest.approx(
        log_evidence_two_sided(control, candidate, 0.5)
    )


def test_nobody_to_compare_with_is_no_evidence() -> None:
    assert log_evidence(50, 0, 1.0) == 0.0
    assert log_evidence(0, 50, 0.0) == 0.0
    assert log_evidence_two_sided(50, 0, 1.0) == 0.0
    assert log_evidence(0, 0, 0.1) == pytest.approx(0.0)


def test_stages_multiply() -> None:
    parts = [(4, 9, 0.1), (6, 5, 0.5)]
    assert log_evidence_of_stages(parts) == pytest.approx(
        sum(log_evidence(*part) for part in parts)
    )


def first_crossing(rates: tuple[float, float], share: float, rows: int, seed: int) -> int | None:
    """Return after how many requests the evidence first reaches 100, looking at every failure."""
    random = np.random.default_rng(seed)
    own = random.random(rows) < share
    failed = random.random(rows) < np.where(own, *rates)
    candidate = control = 0
    for row in np.flatnonzero(failed):
        candidate, control = candidate + int(own[row]), control + int(not own[row])
        if own[row] and log_evidence(candidate, control, share) >= math.log(100):
            return int(row) + 1
    return None


def test_five_per_cent_against_a_thousandth_is_found_after_about_a_thousand_requests() -> None:
    found = sorted(first_crossing((0.05, 0.001), 0.1, 12_000, seed) or 10**9 for seed in range(200))
    assert 900 < found[100] < 1250, "the notes have a median of 1,055 requests"


def test_looking_at_every_failure_rarely_accuses_what_does_not_differ() -> None:
    wrong = sum(first_crossing((0.02, 0.02), 0.1, 20_000, seed) is not None for seed in range(400))
    # At most 1 in 100 is meant; 400 draws of that give 10 or fewer with 99.7 per cent.
    assert wrong <= 10
