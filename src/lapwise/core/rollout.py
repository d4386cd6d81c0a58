"""How a version comes to users step by step, and the evidence at each step."""

from __future__ import annotations

from typing import Literal, TypeAlias

from lapwise.core.model import Record

__all__ = ["Guard", "GuardStatus", "Rollout", "RolloutEvent", "RolloutPhase", "RolloutPolicy"]

RolloutPhase: TypeAlias = Literal[
    "shadow", "waiting", "canary", "promoted", "rolled_back", "aborted"
]
GuardStatus: TypeAlias = Literal["harmless", "harmful", "cannot_tell"]


class RolloutPolicy(Record, frozen=True, kw_only=True):
    """What must be shown before more users meet a version.

    ``pairs`` of answers, production's and the shadow's on the same row, before a person is asked;
    ``steps`` in per cent of units; ``hold`` in microseconds at each step at least, ``min_units`` of
    the canary at each step; ``margin`` is the absolute harm that is accepted; ``alpha`` the chance
    that a harmless version is rolled back; after ``patience`` microseconds a step that cannot
    conclude says so, and holds.
    """

    pairs: int
    steps: tuple[int, ...]
    hold: int
    min_units: int
    margin: float
    alpha: float = 0.01
    patience: int = 14 * 86_400_000_000


class Guard(Record, frozen=True, kw_only=True):
    """One way to be harmful, as measured at the present step.

    ``measured`` is the harm (candidate minus production, a rate), ``low`` and ``high`` bound it at
    every moment at once; ``limit`` is the margin. ``evidence`` is the e-value against "no harm", and
    ``needed`` what rolls back. ``candidate`` and ``control`` count units (pairs in shadow).
    """

    name: str
    status: GuardStatus
    sentence: str
    candidate: int
    control: int
    measured: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    evidence: float = 1.0
    needed: float = 100.0


class RolloutEvent(Record, frozen=True, kw_only=True):
    """One act of a rollout; ``action`` is a verb such as ``started``, ``promoted``, ``rolled_back``."""

    at: int
    action: str
    phase: RolloutPhase
    weight: int
    sentence: str
    by: str = ""
    guards: tuple[Guard, ...] = ()


class Rollout(Record, frozen=True, kw_only=True):
    """One version's way to users.

    ``step`` is the place in ``policy.steps`` once in ``canary``; ``weight``, here and in the history,
    is in per cent of units.
    """

    id: str
    model: str
    candidate: str
    control: str
    policy: RolloutPolicy
    phase: RolloutPhase
    started: int
    since: int
    number: int = 0
    step: int = 0
    weight: int = 0
    paused: bool = False
    guards: tuple[Guard, ...] = ()
    history: tuple[RolloutEvent, ...] = ()

    @property
    def open(self) -> bool:
        """Whether it goes on."""
        return self.phase in ("shadow", "waiting", "canary")
