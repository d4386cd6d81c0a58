"""Every metric equals scikit-learn's, on all rows and on every resample of blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics as oracle

from lapwise.core.errors import DeclarationError
from lapwise.core.evidence import Evidence
from lapwise.gates.metrics import METRICS, directed_metric, find_metric
from lapwise.gates.sample import Sample, read
from lapwise.gates.statistics import count_hits, statistic
from tests.gates.evidence import binary_evidence
from tests.gates.evidence import evidence as make

Floats = NDArray[np.float64]
THRESHOLD = 0.3


def _decided(function: Callable[..., Any], **fixed: Any) -> Callable[[Any, Floats], float]:
    return lambda labels, scores: float(function(labels, scores >= THRESHOLD, **fixed))


BINARY: dict[str, Callable[[Any, Floats], float]] = {
    "roc_auc": oracle.roc_auc_score,
    "average_precision": oracle.average_precision_score,
    "log_loss": oracle.log_loss,
    "brier": oracle.brier_score_loss,
    "accuracy": _decided(oracle.accuracy_score),
    "precision": _decided(oracle.precision_score),
    "recall": _decided(oracle.recall_score),
    "true_positive_rate": _decided(oracle.recall_score),
    "false_positive_rate": _decided(lambda y, d: 1 - oracle.recall_score(y, d, pos_label=0)),
    "selection_rate": _decided(lambda y, d: d.mean()),
    "f1": _decided(oracle.f1_score),
}
REGRESSION: dict[str, Callable[[Floats, Floats], float]] = {
    "r2": oracle.r2_score,
    "mae": oracle.mean_absolute_error,
    "rmse": oracle.root_mean_squared_error,
}
MULTICLASS: dict[str, Callable[[Any, Floats], float]] = {
    "roc_auc": lambda y, p: float(oracle.roc_auc_score(y, p, multi_class="ovr")),
    "log_loss": oracle.log_loss,
    "accuracy": lambda y, p: float(oracle.accuracy_score(y, p.argmax(axis=1))),
    "recall": lambda y, p: float(oracle.balanced_accuracy_score(y, p.argmax(axis=1))),
}


def check(metric: str, evidence: Evidence, expected: Callable[[Any, Floats], float]) -> None:
    """Compare with the oracle on all rows, and on rows repeated as often as blocks are drawn."""
    sample = read(evidence, find_metric(metric), ("candidate",))
    blocks = int(sample.blocks.max()) + 1
    random = np.random.default_rng(1)
    weights = np.vstack(
        [np.ones(blocks), random.multinomial(blocks, np.full(blocks, 1 / blocks), size=5)]
    )
    found = statistic(metric, sample, "candidate", blocks)(weights.astype(float))
    for value, drawn in zip(found, weights, strict=True):
        rows = np.repeat(np.arange(sample.rows), drawn[sample.blocks].astype(int))
        wanted = expected(sample.labels[rows], sample.scores["candidate"][rows])
        assert value == pytest.approx(wanted, rel=1e-10, abs=1e-12)


def rounded(evidence: Evidence, step: float) -> Evidence:
    """Return the evidence with scores on a grid, so that many are tied."""
    scores = np.round(np.asarray(evidence.scores["candidate"]) / step) * step
    return binary_evidence(500, scores={"candidate": scores}, labels=evidence.labels)


@pytest.mark.parametrize("metric", BINARY)
@pytest.mark.parametrize("step", [1e-9, 0.1], ids=["distinct", "tied"])
def test_binary_metrics_are_scikit_learns(metric: str, step: float) -> None:
    check(metric, rounded(binary_evidence(500), step), BINARY[metric])


@pytest.mark.parametrize("metric", REGRESSION)
def test_regression_metrics_are_scikit_learns(metric: str) -> None:
    random = np.random.default_rng(3)
    labels = 1e3 + random.normal(size=400)
    evidence = make(
        task="regression",
        labels=labels,
        scores={"candidate": labels + random.normal(size=400)},
        blocks=random.integers(0, 8, 400),
    )
    check(metric, evidence, REGRESSION[metric])


@pytest.mark.parametrize("metric", MULTICLASS)
def test_multiclass_metrics_are_scikit_learns(metric: str) -> None:
    random = np.random.default_rng(4)
    scores = random.dirichlet((1, 1, 1), size=600)
    labels = np.array([random.choice(["a", "b", "c"], p=row) for row in scores])
    evidence = make(
        task="multiclass",
        labels=labels,
        scores={"candidate": scores},
        classes=("a", "b", "c"),
        blocks=random.integers(0, 6, 600),
    )
    check(metric, evidence, MULTICLASS[metric])


def test_calibration_error_is_the_weighted_gap_of_ten_equal_bins() -> None:
    evidence = binary_evidence(1000)
    labels, scores = np.asarray(evidence.labels), np.asarray(evidence.scores["candidate"])
    outcome, forecast = oracle_bins(labels, scores)
    sample = read(evidence, find_metric("calibration_error"), ("candidate",))
    found = statistic("calibration_error", sample, "candidate", 14)(np.ones((1, 14)))[0]
    assert found == pytest.approx(np.abs(outcome - forecast).mean(), rel=1e-9)


def oracle_bins(labels: NDArray[Any], scores: Floats) -> tuple[Floats, Floats]:
    from sklearn.calibration import calibration_curve

    outcome, forecast = calibration_curve(labels, scores, n_bins=10, strategy="quantile")
    return outcome, forecast


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 4), st.integers(0, 3)), min_size=4, max_size=60
    )
)
def test_ranks_survive_any_ties_and_empty_blocks(
    rows: list[tuple[bool, int, int]],
) -> None:
    labels, scores, blocks = (np.array(column) for column in zip(*rows, strict=True))
    if labels.all() or not labels.any():
        return
    sample = Sample(
        task="binary",
        labels=labels,
        scores={"candidate": scores / 4},
        thresholds={},
        blocks=blocks.astype(np.int64),
        slices={},
        seed=0,
    )
    for metric in ("roc_auc", "average_precision"):
        found = statistic(metric, sample, "candidate", 4)(np.ones((1, 4)))[0]
        assert found == pytest.approx(BINARY[metric](labels, scores / 4))


def test_a_resample_without_what_is_counted_is_undefined() -> None:
    sample = read(
        binary_evidence(200, labels=np.arange(200) < 10, blocks=np.arange(200) // 10),
        find_metric("recall"),
        ("candidate",),
    )
    weights = np.ones((1, 20))
    weights[0, 0] = 0
    assert np.isnan(statistic("recall", sample, "candidate", 20)(weights)[0])


def test_hits_are_counted_for_shares_only() -> None:
    sample = read(binary_evidence(500), find_metric("recall"), ("candidate",))
    hits, trials = count_hits("recall", sample, "candidate") or (0, 0)
    assert trials == np.count_nonzero(sample.labels)
    assert hits / trials == pytest.approx(
        BINARY["recall"](sample.labels, sample.scores["candidate"])
    )
    assert count_hits("log_loss", sample, "candidate") is None


def test_every_metric_has_an_oracle() -> None:
    assert set(METRICS) == {*BINARY, *REGRESSION, *MULTICLASS, "calibration_error"}


def test_an_unknown_metric_names_those_there_are() -> None:
    with pytest.raises(DeclarationError, match="'auc'") as caught:
        find_metric("auc")
    assert all(name in caught.value.expected for name in METRICS)


def test_a_metric_without_a_better_way_is_for_gap_only() -> None:
    with pytest.raises(DeclarationError, match="selection_rate"):
        directed_metric("selection_rate")
