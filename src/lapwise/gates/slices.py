"""One judgement over all rows, or one for each slice of them.

A gate with ``each=`` passes when every slice passes. That is an intersection-union test (Berger,
*Technometrics* 24(4), 1982): judging each slice at the full confidence keeps the chance of a false
pass within ``1 - confidence`` however many slices there are. It fails when any slice fails, which
would become likelier with more slices, so the bound that fails a slice takes its share only of the
risk (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from lapwise.core.evidence import Evidence
from lapwise.core.model import Verdict, VerdictStatus
from lapwise.gates.metrics import Metric
from lapwise.gates.model import Gate, Undecided
from lapwise.gates.sample import Sample, read

__all__ = ["Judge", "judge_rows", "worst"]

Judge: TypeAlias = Callable[[Sample, str, int], Verdict]
"""Judges (the rows, under this name, as one of so many parts)."""

_ORDER: tuple[VerdictStatus, ...] = ("failed", "cannot_tell", "passed", "not_applicable")


def judge_rows(
    gate: Gate,
    evidence: Evidence,
    metric: Metric,
    whom: Sequence[str],
    judge: Judge,
    *,
    each: str | None,
    min_rows: int,
    limit: float,
) -> Verdict:
    """Return one verdict: over all rows, or the worst of those over the slices by ``each``."""
    try:
        sample = read(evidence, metric, whom, by=each)
        if each is None:
            require_rows(sample, min_rows)
            return judge(sample, gate.name, 1)
    except Undecided as reason:
        return reason.verdict(gate.code, gate.name, limit=limit)
    column = sample.slices[each]
    values = np.unique(column)
    parts = []
    for value in values:
        rows, name = sample.take(column == value), f"{each}={value}"
        try:
            require_rows(rows, min_rows)
            parts.append(judge(rows, name, len(values)))
        except Undecided as reason:
            parts.append(reason.verdict(gate.code, name, limit=limit))
    return worst(gate, each, parts, rows=sample.rows, limit=limit)


def require_rows(sample: Sample, min_rows: int) -> None:
    """Refuse to judge fewer rows than the gate asks for.

    Raises:
        Undecided: there are fewer; the sentence says how many more are needed.
    """
    if sample.rows < min_rows:
        raise Undecided(
            "cannot_tell",
            f"{sample.rows} rows; {min_rows} are needed: {min_rows - sample.rows} more.",
            rows=sample.rows,
        )


def worst(gate: Gate, each: str, parts: Sequence[Verdict], *, rows: int, limit: float) -> Verdict:
    """Return the verdict of a gate over its parts: the numbers and words of the worst."""
    first = min(parts, key=lambda part: (_ORDER.index(part.status), -_excess(part)))
    passed = sum(part.status == "passed" for part in parts)
    return Verdict(
        gate=gate.code,
        name=gate.name,
        status=first.status,
        sentence=f"{passed} of {len(parts)} slices by {each} pass. {first.name}: {first.sentence}",
        measured=first.measured,
        limit=limit,
        low=first.low,
        high=first.high,
        confidence=first.confidence,
        rows=rows,
        parts=tuple(parts),
    )


def _excess(part: Verdict) -> float:
    """Return how far apart measured and limit are, so that among equals the clearest speaks."""
    if part.measured is None or part.limit is None:
        return 0.0
    distance = abs(part.measured - part.limit)
    return -distance if part.status == "passed" else distance
