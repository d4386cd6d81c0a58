"""Laps: what started one, what its steps cost, and what was decided."""

from __future__ import annotations

from typing import Literal, TypeAlias

from lapwise.core.digest import Digest
from lapwise.core.model import KeyPart, Metric, Record, Split, Verdict

__all__ = ["Lap", "LapState", "LapStep", "Trigger"]

LapState: TypeAlias = Literal["running", "refused", "waiting", "approved", "failed", "died"]


class Trigger(Record, frozen=True, kw_only=True):
    """What started a lap: ``manual``, ``code``, ``schedule`` or ``alarm``, and why."""

    kind: str
    reason: str = ""


class LapStep(Record, frozen=True, kw_only=True):
    """One step of a lap as the ledger shows it."""

    name: str
    key: Digest
    reused: bool
    seconds: float
    digest: Digest = ""


class Lap(Record, frozen=True, kw_only=True):
    """One trip round the loop; ``as_of`` is the world's time it saw, ``page`` digests the page."""

    id: str
    number: int
    loop: str
    trigger: Trigger
    as_of: int
    state: LapState
    started: int
    seconds: float = 0.0
    steps: tuple[LapStep, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    metrics: tuple[Metric, ...] = ()
    decision: str = ""
    decided_by: str = ""
    run: str | None = None
    version: str | None = None
    error: str = ""
    datasets: tuple[KeyPart, ...] = ()
    split: Split | None = None
    page: Digest = ""
