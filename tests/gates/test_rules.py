"""Each gate says passed, failed, cannot tell or not applicable where it must, and why."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, true_positive_rate

from lapwise import gates
from lapwise.core.digest import digest_value
from lapwise.core.errors import DeclarationError, GateError
from lapwise.core.evidence import Evidence, Finding, LatencyProbe, Reproduction
from lapwise.gates.model import Gate
from tests.gates.evidence import binary_evidence
from tests.gates.evidence import evidence as make

GOOD = binary_evidence()


def without(who: str, **changes: Any) -> Evidence:
    """Return the evidence as if there were no such model."""
    scores = {name: values for name, values in GOOD.scores.items() if name != who}
    return binary_evidence(scores=scores, **changes)


def swapped() -> Evidence:
    """Return evidence whose candidate is the baseline and the other way round."""
    scores = GOOD.scores
    return binary_evidence(
        scores=dict(scores) | {"candidate": scores["baseline"], "baseline": scores["candidate"]}
    )


# ── Better and NoWorse ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("metric", ["roc_auc", "average_precision", "log_loss", "brier", "f1"])
def test_better_knows_which_way_is_better(metric: str) -> None:
    """The better model passes and the worse one fails, whether more or less is better."""
    gate = gates.Better(metric, than="baseline")
    passed, failed = gate(GOOD), gate(swapped())
    assert (passed.status, failed.status) == ("passed", "failed")
    assert passed.measured == pytest.approx(-(failed.measured or 0))
    assert passed.low is not None
    assert passed.low > 0


def test_better_by_less_than_the_margin_fails() -> None:
    gate = gates.Better("roc_auc", than="baseline", margin=0.4)
    assert gate(GOOD).status == "failed"


def test_better_within_noise_cannot_tell_and_says_how_many_more_blocks() -> None:
    gain = gates.Better("roc_auc", than="baseline")(GOOD).measured
    verdict = gates.Better("roc_auc", than="baseline", margin=(gain or 0) - 0.01)(GOOD)
    assert verdict.status == "cannot_tell"
    assert "more blocks" in verdict.sentence


def test_the_same_model_is_not_better_and_not_worse() -> None:
    same = dict(GOOD.scores) | {"production": GOOD.scores["candidate"]}
    evidence = binary_evidence(scores=same)
    assert gates.Better("log_loss", than="production")(evidence).status == "failed"
    assert gates.NoWorse("log_loss", than="production", margin=0.0)(evidence).status == "passed"


def test_no_worse_passes_fails_and_cannot_tell() -> None:
    assert gates.NoWorse("roc_auc", than="baseline", margin=0.01)(GOOD).status == "passed"
    assert gates.NoWorse("roc_auc", than="baseline", margin=0.01)(swapped()).status == "failed"
    harm = gates.NoWorse("roc_auc", than="baseline", margin=0.01)(swapped()).measured or 0
    near = gates.NoWorse("roc_auc", than="baseline", margin=harm)(swapped())
    assert near.status == "cannot_tell"
    assert "no realistic number of rows" in near.sentence


def test_without_production_a_comparison_does_not_apply() -> None:
    for gate in (
        gates.Better("roc_auc", than="production"),
        gates.NoWorse("brier", than="production"),
    ):
        verdict = gate(without("production"))
        assert verdict.status == "not_applicable"


def test_without_a_baseline_or_candidate_a_comparison_fails() -> None:
    assert gates.Better("roc_auc", than="baseline")(without("baseline")).status == "failed"
    assert gates.Better("roc_auc", than="baseline")(without("candidate")).status == "failed"


def test_production_is_compared_on_comparable_rows_only() -> None:
    comparable = np.arange(3000) >= 1000
    gate = gates.NoWorse("roc_auc", than="production")
    assert gate(binary_evidence(comparable=comparable)).rows == 2000
    assert (
        gates.Better("roc_auc", than="baseline")(binary_evidence(comparable=comparable)).rows
        == 3000
    )
    nothing = gate(binary_evidence(comparable=np.zeros(3000, dtype=bool)))
    assert nothing.status == "cannot_tell"
    assert "newer labels" in nothing.sentence


def test_each_judges_every_slice_and_the_worst_speaks() -> None:
    """One airport where the candidate is noise fails the gate, though the others pass."""
    origin = np.asarray(GOOD.slices["origin"])
    scores = np.asarray(GOOD.scores["candidate"]).copy()
    scores[origin == "JFK"] = np.random.default_rng(1).random(int((origin == "JFK").sum()))
    evidence = binary_evidence(scores=dict(GOOD.scores) | {"candidate": scores})
    verdict = gates.NoWorse("roc_auc", than="production", margin=0.05, each="origin")(evidence)
    assert [part.status for part in verdict.parts] == ["passed", "failed", "passed"]
    assert verdict.status == "failed"
    assert "2 of 3" in verdict.sentence
    assert "origin=JFK" in verdict.sentence


def test_a_slice_with_few_rows_cannot_be_told_and_says_how_many_more() -> None:
    origin = np.where(np.arange(3000) < 30, "XNA", np.asarray(GOOD.slices["origin"]))
    verdict = gates.Floor("recall", 0.01, each="origin", min_rows=200)(
        binary_evidence(slices={"origin": origin})
    )
    assert verdict.status == "cannot_tell"
    assert "30 rows; 200 are needed: 170 more" in verdict.sentence
    assert [part.status for part in verdict.parts].count("passed") == 3


def test_more_slices_make_failing_harder_and_passing_no_harder() -> None:
    """The failing bound is Bonferroni's over the slices, the passing bound is not."""
    wide = gates.NoWorse("log_loss", than="production", each="origin")(GOOD).parts[0]
    lone = np.asarray(GOOD.slices["origin"]) == "EWR"
    fields = {
        "labels": np.asarray(GOOD.labels)[lone],
        "scores": {who: np.asarray(values)[lone] for who, values in GOOD.scores.items()},
        "blocks": np.asarray(GOOD.blocks)[lone],
    }
    alone = gates.NoWorse("log_loss", than="production")(binary_evidence(**fields, slices={}))
    assert wide.high == alone.high
    assert wide.low is not None
    assert alone.low is not None
    assert wide.low < alone.low


# ── what stops any metric ───────────────────────────────────────────────────────────────────────


def test_too_few_blocks_cannot_tell() -> None:
    verdict = gates.Better("roc_auc", than="baseline")(binary_evidence(days=3))
    assert verdict.status == "cannot_tell"
    assert "needs 5: 2 more" in verdict.sentence


def test_a_single_class_cannot_tell() -> None:
    verdict = gates.Floor("roc_auc", 0.6)(binary_evidence(labels=np.zeros(3000)))
    assert verdict.status == "cannot_tell"
    assert "0 of 3000 rows are of the rarest class" in verdict.sentence


def test_scores_that_are_nan_fail_and_are_counted() -> None:
    scores = np.asarray(GOOD.scores["candidate"]).copy()
    scores[:3] = np.nan
    verdict = gates.Floor("roc_auc", 0.6)(binary_evidence(scores={"candidate": scores}))
    assert verdict.status == "failed"
    assert "3 of 3000" in verdict.sentence


def test_a_metric_of_decisions_without_a_threshold_fails() -> None:
    verdict = gates.Floor("recall", 0.3)(binary_evidence(thresholds={}))
    assert verdict.status == "failed"
    assert "threshold" in verdict.sentence


def test_a_slice_column_that_is_missing_fails() -> None:
    verdict = gates.Floor("recall", 0.3, each="carrier")(GOOD)
    assert verdict.status == "failed"
    assert "'carrier'" in verdict.sentence
    assert "origin" in verdict.sentence


def test_a_metric_of_another_task_fails() -> None:
    assert gates.Floor("r2", 0.3)(GOOD).status == "failed"


def test_a_class_the_model_does_not_know_fails() -> None:
    evidence = make(
        task="multiclass",
        labels=["a", "b", "z"] * 50,
        scores={"candidate": np.full((150, 2), 0.5)},
        classes=("a", "b"),
        blocks=np.arange(150) // 10,
    )
    verdict = gates.Floor("accuracy", 0.3)(evidence)
    assert verdict.status == "failed"
    assert "50 rows" in verdict.sentence


@pytest.mark.parametrize(
    "changes",
    [
        {"blocks": np.arange(10)},
        {"scores": {"candidate": np.arange(10.0)}},
        {"scores": {"candidate": ["high"] * 3000}},
        {"labels": np.full(3000, 2)},
        {"labels": np.full(3000, np.nan)},
        {"slices": {"origin": ["EWR"]}},
    ],
    ids=["blocks", "scores", "words", "labels", "missing labels", "slices"],
)
def test_evidence_that_contradicts_itself_is_an_error(changes: dict[str, Any]) -> None:
    with pytest.raises(GateError):
        gates.Floor("recall", 0.3, each="origin")(binary_evidence(**changes))


# ── Floor and Gap ───────────────────────────────────────────────────────────────────────────────


def test_floor_passes_fails_and_cannot_tell() -> None:
    value = gates.Floor("recall", 0.3)(GOOD).measured or 0
    found = [gates.Floor("recall", limit)(GOOD).status for limit in (0.3, value, 0.99)]
    assert found == ["passed", "cannot_tell", "failed"]


def test_floor_is_a_ceiling_where_less_is_better() -> None:
    assert gates.Floor("log_loss", 5.0)(GOOD).status == "passed"
    assert gates.Floor("log_loss", 0.1)(GOOD).status == "failed"


def test_a_perfect_share_of_few_rows_does_not_pass_as_certain() -> None:
    """25 hits of 25 do not prove a recall of 0.95, though no resample differs."""
    labels = np.arange(600) % 24 == 0
    verdict = gates.Floor("recall", 0.95)(
        binary_evidence(600, labels=labels, scores={"candidate": labels * 1.0})
    )
    assert verdict.measured == 1.0
    assert verdict.status == "cannot_tell"
    assert verdict.low == pytest.approx(0.05 ** (1 / 25), rel=1e-6)


def test_gap_measures_what_fairlearn_measures() -> None:
    frame = MetricFrame(
        metrics=true_positive_rate,
        y_true=np.asarray(GOOD.labels),
        y_pred=np.asarray(GOOD.scores["candidate"]) >= 0.3,
        sensitive_features=np.asarray(GOOD.slices["origin"]),
    )
    verdict = gates.Gap("true_positive_rate", across="origin", max=0.15)(GOOD)
    assert verdict.measured == pytest.approx(frame.difference(method="between_groups"))
    assert [part.measured for part in verdict.parts] == pytest.approx(list(frame.by_group))
    assert verdict.status == "passed"


def test_gap_fails_where_a_group_is_left_behind_and_cannot_tell_near_the_limit() -> None:
    origin = np.asarray(GOOD.slices["origin"])
    scores = np.asarray(GOOD.scores["candidate"]) * np.where(origin == "JFK", 0.6, 1.0)
    evidence = binary_evidence(scores={"candidate": scores})
    gap = gates.Gap("true_positive_rate", across="origin", max=0.1)(evidence)
    assert gap.status == "failed"
    assert "origin=JFK" in gap.sentence
    near = gates.Gap("true_positive_rate", across="origin", max=gap.measured or 0)
    assert near(evidence).status == "cannot_tell"


def test_gap_needs_two_groups() -> None:
    verdict = gates.Gap("selection_rate", across="origin", max=0.1)(
        binary_evidence(slices={"origin": np.full(3000, "EWR")})
    )
    assert verdict.status == "cannot_tell"
    assert "two groups" in verdict.sentence


# ── NoLeakage, Latency, Reproducible ────────────────────────────────────────────────────────────


def finding(severity: Any, rule: str = "L003") -> Finding:
    """Return a leakage rule's finding."""
    return Finding(rule=rule, severity=severity, sentence="12 rows are in both parts.", rows=12)


@pytest.mark.parametrize(
    ("findings", "status"),
    [
        (None, "failed"),
        ((), "failed"),
        ((finding("clear"),), "passed"),
        ((finding("warn"), finding("not_applicable")), "passed"),
        ((finding("clear"), finding("block")), "failed"),
    ],
)
def test_no_leakage_fails_on_what_blocks_and_on_silence(
    findings: tuple[Finding, ...] | None, status: str
) -> None:
    verdict = gates.NoLeakage()(binary_evidence(findings=findings))
    assert verdict.status == status
    assert len(verdict.parts) == len(findings or ())


def probe(**changes: Any) -> LatencyProbe:
    """Return a probe of a fast model."""
    fields: dict[str, Any] = {
        "requests": 500, "failures": 0, "p50": 400.0, "p95": 900.0, "p99": 2500.0, "serving": "onnx",
    }  # fmt: skip
    return LatencyProbe(**(fields | changes))


@pytest.mark.parametrize(
    ("latency", "status"),
    [
        (None, "failed"),
        (probe(), "passed"),
        (probe(p99=10_001.0), "failed"),
        (probe(failures=1), "failed"),
        (probe(requests=298), "cannot_tell"),
    ],
)
def test_latency_judges_the_probe(latency: LatencyProbe | None, status: str) -> None:
    verdict = gates.Latency(p99="10ms")(binary_evidence(latency=latency))
    assert verdict.status == status
    assert verdict.limit == 10.0


@pytest.mark.parametrize(
    ("equal", "error", "status"),
    [(True, "", "passed"), (False, "", "failed"), (False, "MemoryError", "failed")],
)
def test_reproducible_passes_on_equal_only(equal: bool, error: str, status: str) -> None:
    again = Reproduction(
        equal=equal, first="a" * 64, second="b" * 64, divergence="train", seconds=3, error=error
    )
    assert gates.Reproducible()(binary_evidence(reproduction=again)).status == status
    assert gates.Reproducible()(GOOD).status == "failed"


# ── declarations ────────────────────────────────────────────────────────────────────────────────

PAGE: list[Gate] = [
    gates.NoLeakage(),
    gates.Better("roc_auc", than="baseline"),
    gates.Better("log_loss", than="production", margin=0.002, confidence=0.95),
    gates.NoWorse("roc_auc", than="production", each="origin", margin=0.02),
    gates.Floor("recall", 0.30, each="origin", min_rows=200),
    gates.Gap("true_positive_rate", across="origin", max=0.15),
    gates.Latency(p99="10ms"),
    gates.Reproducible(),
]


@pytest.mark.parametrize(
    "declare",
    [
        lambda: gates.Better("auc", than="baseline"),
        lambda: gates.Better("selection_rate", than="baseline"),
        lambda: gates.Better("roc_auc", than="champion"),  # type: ignore[arg-type]
        lambda: gates.NoWorse("roc_auc", than="production", margin=-0.1),
        lambda: gates.NoWorse("roc_auc", than="production", confidence=95),
        lambda: gates.Floor("recall", 30),
        lambda: gates.Gap("recall", across="origin", max=0),
        lambda: gates.Latency(p99="fast"),
        lambda: gates.Latency(p99="0s"),
    ],
)
def test_a_gate_that_cannot_be_is_refused_at_declaration(declare: Any) -> None:
    with pytest.raises(DeclarationError):
        declare()


def test_a_gates_digest_covers_its_rule_and_every_parameter() -> None:
    digests = {digest_value(gate) for gate in PAGE}
    assert len(digests) == len(PAGE)
    for gate in PAGE:
        assert digest_value(msgspec.structs.replace(gate)) == digest_value(gate)
    floor = gates.Floor("recall", 0.3)
    assert digest_value(floor) != digest_value(msgspec.structs.replace(floor, limit=0.31))
    better, no_worse = (cls("roc_auc", than="baseline") for cls in (gates.Better, gates.NoWorse))
    assert digest_value(better) != digest_value(no_worse)


def test_a_gate_says_what_evidence_it_needs() -> None:
    needed = frozenset[str]().union(*(gate.needs for gate in PAGE))
    assert needed == {"findings", "baseline", "production", "latency", "reproduction"}
    assert {column for gate in PAGE for column in gate.slices} == {"origin"}


def test_every_rule_documents_itself_in_the_same_sections() -> None:
    for gate in PAGE:
        text = type(gate).__doc__ or ""
        for section in ("What it does:", "Why:", "Example:", "Statistics:"):
            assert section in text, f"{gate.code} says nothing under '{section}'"
        assert type(gate).__module__.rpartition(".")[2].startswith(gate.code.lower())
