"""Bounds keep their level on rows that resemble each other by day; those of single rows do not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from lapwise.core.evidence import Evidence
from lapwise.gates.bootstrap import resample
from lapwise.gates.metrics import find_metric
from lapwise.gates.rules.g003_no_worse import NoWorse
from lapwise.gates.sample import read
from tests.gates.evidence import binary_evidence, regression_evidence, sigmoid

RISK = 0.05
HARM = 0.1


def mean_case(days: int, seed: int) -> tuple[NoWorse, Evidence]:
    """Return rows whose true harm is exactly the margin, with a common part for each day."""
    random = np.random.default_rng(seed)
    blocks = np.repeat(np.arange(days), random.poisson(60, days) + 5)
    harm = HARM + 0.3 * random.normal(size=days)[blocks] + random.normal(size=len(blocks))
    gate = NoWorse("mae", than="production", margin=HARM, min_rows=1)
    return gate, regression_evidence(harm, blocks, seed)


def rank_case(days: int, seed: int) -> tuple[NoWorse, Evidence]:
    """Return two models that differ by chance alone, each with good and bad days."""
    random = np.random.default_rng(seed)
    blocks = np.repeat(np.arange(days), random.poisson(80, days) + 5)
    signal = random.normal(size=len(blocks))
    labels = random.random(len(blocks)) < sigmoid(
        1.2 * signal - 1 + 0.7 * random.normal(size=days)[blocks]
    )
    scores = {
        who: signal * (1 + 0.3 * random.normal(size=days)[blocks])
        + 0.7 * random.normal(size=len(blocks))
        + 0.15 * random.normal(size=days)[blocks]
        for who in ("candidate", "production")
    }
    gate = NoWorse("roc_auc", than="production", margin=0.0, min_rows=1)
    return gate, binary_evidence(
        len(blocks), labels=labels, scores=scores, blocks=blocks, slices={}, seed=seed
    )


def errors(
    case: Callable[[int, int], tuple[NoWorse, Evidence]], days: int, times: int
) -> tuple[float, float]:
    """Return the shares of false passes and of false failures where harm equals the margin."""
    found = [gate(evidence).status for gate, evidence in (case(days, i) for i in range(times))]
    return found.count("passed") / times, found.count("failed") / times


def allowed(times: int) -> float:
    """Return the stated risk plus what chance does once in a thousand."""
    return RISK + 3.1 * float(np.sqrt(RISK * (1 - RISK) / times))


@pytest.mark.parametrize("case", [mean_case, rank_case])
def test_a_harm_at_the_margin_passes_no_oftener_than_stated(
    case: Callable[[int, int], tuple[NoWorse, Evidence]],
) -> None:
    """With 7 days, false passes and false failures each stay within 5 %."""
    assert max(errors(case, 7, 400)) <= allowed(400)


def test_single_rows_would_pass_far_oftener() -> None:
    """The same rows taken for independent pass at least three times as often as stated."""
    times = 100
    passes = 0
    for seed in range(times):
        gate, evidence = mean_case(7, seed)
        rows = np.arange(len(evidence.labels))
        passes += gate(regression_evidence(harm_of(evidence), rows, seed)).status == "passed"
    assert passes / times > 3 * RISK


def harm_of(evidence: Evidence) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the harm of each row."""
    return np.asarray(evidence.scores["candidate"]) - 100


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize("days", [5, 7, 14, 30])
@pytest.mark.parametrize("case", [mean_case, rank_case])
def test_the_level_holds_from_five_blocks_on(
    case: Callable[[int, int], tuple[NoWorse, Evidence]], days: int
) -> None:
    """At 5, 7, 14 and 30 days both errors stay within 5 %, give or take a simulation's noise."""
    passes, failures = errors(case, days, 4000)
    print(f"{case.__name__} {days} days: false passes {passes:.4f}, false failures {failures:.4f}")
    assert max(passes, failures) <= allowed(4000)


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_the_percentile_interval_would_not_hold() -> None:
    """At 7 days the plain percentile bound errs at least half as often again as stated."""
    times, errs = 2000, 0
    for seed in range(times):
        _, evidence = mean_case(7, seed)
        sample = read(evidence, find_metric("mae"), ("candidate", "production"))
        candidate, production = resample(find_metric("mae"), sample, ("candidate", "production"))
        harm = candidate.minus(production)
        errs += float(np.quantile(harm.resamples, 1 - RISK)) <= HARM
    print(f"percentile, 7 days: false passes {errs / times:.4f}")
    assert errs / times > 1.5 * RISK
