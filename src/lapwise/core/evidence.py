"""Evidence: what gates judge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from lapwise.core.model import Record

__all__ = ["Evidence", "Finding", "LatencyProbe", "Reproduction", "Task", "Values"]

Task: TypeAlias = Literal["binary", "multiclass", "regression"]

Values: TypeAlias = Any
"""One value a row: a NumPy array or any sequence; ``core`` itself knows no arrays."""


class Finding(Record, frozen=True, kw_only=True):
    """What a leakage rule found; ``severity`` ``block`` fails the gate, ``warn`` is shown."""

    rule: str
    severity: Literal["block", "warn", "clear", "not_applicable"]
    sentence: str
    rows: int = 0
    measured: float | None = None
    name: str = ""


class LatencyProbe(Record, frozen=True, kw_only=True):
    """Request times over TCP against the packaged model, in microseconds."""

    requests: int
    failures: int
    p50: float
    p95: float
    p99: float
    serving: str


class Reproduction(Record, frozen=True, kw_only=True):
    """A second training in a fresh process, cache off, with another hash seed.

    ``first`` and ``second`` are digests of the model; ``divergence`` names the first step that gave
    something else, ``error`` says why there was no second training.
    """

    equal: bool
    first: str
    second: str
    seconds: float
    divergence: str = ""
    error: str = ""


class Evidence(Record, frozen=True, kw_only=True):
    """Everything the gates of one lap may look at.

    ``labels``, ``blocks`` and every value of ``scores`` and ``slices`` have one entry a test row,
    in the same order. ``scores`` is keyed by who predicted: ``candidate``, ``baseline``,
    ``production``; a key that is absent means there is no such model. Scores are the probability
    of the positive class (binary), the value (regression), or one row of class probabilities
    (multiclass, columns as ``classes``). ``comparable`` marks the rows after both candidate's and
    production's training end plus embargo; absent means all rows.
    ``thresholds`` is keyed like ``scores``.
    """

    task: Task
    labels: Values
    scores: Mapping[str, Values]
    blocks: Values
    slices: Mapping[str, Values] = {}
    thresholds: Mapping[str, float] = {}
    comparable: Values | None = None
    classes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] | None = None
    latency: LatencyProbe | None = None
    reproduction: Reproduction | None = None
    seed: int = 0
