"""Judge: put the evidence together and hear every gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from lapwise.core.evidence import Evidence
from lapwise.core.model import Metric
from lapwise.gates import judge, measure_metric
from lapwise.loop.steps.parts import task_of

if TYPE_CHECKING:
    from lapwise.core.evidence import Finding, LatencyProbe, Reproduction
    from lapwise.core.model import Verdict
    from lapwise.loop.model import Threshold

__all__ = ["choose_threshold", "judge_candidate", "measure"]


def choose_threshold(decide: Threshold | None, scores: pl.DataFrame) -> float | None:
    """Return the score from which a decision is yes: a quantile of the validation scores."""
    if decide is None:
        return None
    chosen = scores.filter(pl.col("part") == "validation")["score"]
    value = chosen.quantile(1 - decide.share, interpolation="midpoint")
    return None if value is None else float(value)


def measure(
    names: Sequence[str],
    examples: pl.DataFrame,
    scores: pl.DataFrame,
    threshold: float | None,
    classes: Sequence[str],
    row: str,
) -> list[Metric]:
    """Return metrics of one model on the rows whose part is ``test``."""
    evidence = _evidence(
        examples,
        {"candidate": scores},
        {"candidate": threshold},
        classes=classes,
        row=row,
        slices=(),
        seed=0,
    )
    return [Metric(name=name, value=measure_metric(name, evidence)) for name in names]


def judge_candidate(
    gates: Sequence[Any],
    examples: pl.DataFrame,
    candidate: pl.DataFrame,
    baseline: pl.DataFrame | None,
    production: pl.DataFrame | None,
    comparable_from: int | None,
    decide: Threshold | None,
    production_threshold: float | None,
    classes: Sequence[str],
    findings: Sequence[Finding] | None,
    latency: LatencyProbe | None,
    reproduction: Reproduction | None,
    row: str,
    seed: int,
) -> list[Verdict]:
    """Return the verdict of each gate, in the page's order.

    ``comparable_from`` is the first instant (microseconds) whose rows neither the candidate nor
    production was trained on, an embargo later; None means every test row.
    """
    models = {"candidate": candidate, "baseline": baseline, "production": production}
    scores = {who: frame for who, frame in models.items() if frame is not None}
    thresholds = {who: choose_threshold(decide, frame) for who, frame in scores.items()}
    slices = sorted({name for gate in gates for name in gate.slices})
    evidence = _evidence(
        examples,
        scores,
        {**thresholds, "production": production_threshold},
        classes=classes,
        row=row,
        slices=slices,
        seed=seed,
        comparable_from=comparable_from,
        findings=None if findings is None else tuple(findings),
        latency=latency,
        reproduction=reproduction,
    )
    return list(judge(gates, evidence))


def _evidence(
    examples: pl.DataFrame,
    scores: Mapping[str, pl.DataFrame],
    thresholds: Mapping[str, float | None],
    *,
    classes: Sequence[str],
    row: str,
    slices: Sequence[str],
    seed: int,
    comparable_from: int | None = None,
    **facts: Any,
) -> Evidence:
    test = scores["candidate"].filter(pl.col("part") == "test").select(row)
    rows = test.join(examples, on=row, how="left", maintain_order="left")
    aligned = {
        who: test.join(frame, on=row, how="left", maintain_order="left")["score"].to_numpy()
        for who, frame in scores.items()
    }
    comparable = None
    if comparable_from is not None:
        comparable = (rows["time"].to_physical() >= comparable_from).to_numpy()
    return Evidence(
        task=task_of(rows["label"]),
        labels=rows["label"].to_numpy(),
        scores=aligned,
        blocks=rows["block"].to_numpy(),
        slices={name: rows[name].to_list() for name in slices if name in rows.columns},
        thresholds={who: value for who, value in thresholds.items() if value is not None},
        comparable=comparable,
        classes=tuple(classes),
        seed=seed,
        **facts,
    )
