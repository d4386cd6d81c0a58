"""Judging all gates at once, and the decision that follows."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from sklearn.metrics import log_loss

from lapwise import gates
from lapwise.core.errors import GateError
from lapwise.core.model import Verdict, VerdictStatus
from lapwise.gates.model import Gate
from tests.gates.evidence import binary_evidence

JUDGED: list[Gate] = [
    gates.Better("roc_auc", than="baseline"),
    gates.NoWorse("log_loss", than="production", each="origin", margin=0.02),
    gates.Gap("true_positive_rate", across="origin", max=0.15),
]


@pytest.mark.parametrize(
    ("statuses", "decision"),
    [
        (["passed", "failed", "cannot_tell"], "failed"),
        (["passed", "cannot_tell", "not_applicable"], "hold"),
        (["passed", "not_applicable"], "passed"),
    ],
)
def test_a_failure_fails_a_doubt_holds_and_the_rest_passes(
    statuses: list[VerdictStatus], decision: str
) -> None:
    verdicts = [Verdict(gate="G", name="g", status=status, sentence="") for status in statuses]
    assert gates.decide(verdicts) == decision


def test_the_same_evidence_gives_the_same_verdicts_and_another_seed_other_bounds() -> None:
    first = gates.judge(JUDGED, binary_evidence())
    assert gates.judge(JUDGED, binary_evidence()) == first
    fields = {name: getattr(binary_evidence(), name) for name in ("labels", "scores", "blocks")}
    other = gates.judge(JUDGED[:1], binary_evidence(seed=1, **fields))
    assert other[0].measured == first[0].measured
    assert other[0].low != first[0].low


def test_the_order_of_rows_does_not_matter() -> None:
    evidence = binary_evidence()
    order = np.random.default_rng(0).permutation(len(evidence.labels))
    shuffled = binary_evidence(
        labels=np.asarray(evidence.labels)[order],
        scores={who: np.asarray(values)[order] for who, values in evidence.scores.items()},
        blocks=np.asarray(evidence.blocks)[order],
        slices={"origin": np.asarray(evidence.slices["origin"])[order]},
    )
    for one, two in zip(gates.judge(JUDGED, evidence), gates.judge(JUDGED, shuffled), strict=True):
        assert (one.status, one.rows) == (two.status, two.rows)
        assert (one.low, one.high) == pytest.approx((two.low, two.high))


def test_many_small_blocks_give_the_bounds_of_single_rows() -> None:
    """With 3000 blocks of one row each, the error of a mean is its textbook standard error."""
    evidence = binary_evidence(blocks=np.arange(3000))
    verdict = gates.Floor("brier", 0.5)(evidence)
    scores = np.asarray(evidence.scores["candidate"])
    error = np.std((scores - np.asarray(evidence.labels)) ** 2) / np.sqrt(3000)
    assert verdict.high is not None
    assert verdict.measured is not None
    assert (verdict.high - verdict.measured) / 1.649 == pytest.approx(error, rel=0.15)


def test_measure_metric_is_the_number_the_gates_use() -> None:
    evidence = binary_evidence()
    found = gates.measure_metric("log_loss", evidence, "baseline")
    assert found == pytest.approx(log_loss(evidence.labels, evidence.scores["baseline"]))
    with pytest.raises(GateError, match="threshold"):
        gates.measure_metric("recall", binary_evidence(thresholds={}))


def test_judging_is_fast() -> None:
    """6,000 rows, 30 blocks, 1000 resamples, three slices: well below half a second of CPU."""
    evidence = binary_evidence(6000, days=30)
    page = [
        gates.Better("roc_auc", than="baseline"),
        gates.Better("average_precision", than="baseline"),
        gates.NoWorse("roc_auc", than="production", each="origin", margin=0.02),
    ]
    gates.judge(page, binary_evidence(500))
    started = time.process_time()
    gates.judge(page, evidence)
    assert time.process_time() - started < 0.5


def test_declaring_gates_loads_nothing_that_computes() -> None:
    code = (
        "import sys\n"
        "from lapwise import gates\n"
        "gates.Floor('recall', 0.3); gates.Gap('recall', across='origin', max=0.1)\n"
        "gates.Better('roc_auc', than='baseline'); gates.judge; gates.to_table\n"
        "print({'numpy', 'scipy', 'polars', 'sklearn', 'fairlearn', 'rich'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
