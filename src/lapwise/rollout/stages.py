"""The stages of a rollout's history: which stage a moment of the world belongs to."""

from __future__ import annotations

from typing import Literal

from lapwise.core.model import Record
from lapwise.core.rollout import Rollout

__all__ = ["Stage", "find_stage", "stages"]


class Stage(Record, frozen=True, kw_only=True):
    """A span of time with one assignment: ``start <= t < end``; ``weight`` in per cent of units.

    The shadow answers while a person is asked too, so shadow and waiting are one stage.
    """

    kind: Literal["shadow", "canary", "closed"]
    weight: int
    start: int

    @property
    def share(self) -> float:
        """The share of units that are the candidate's."""
        return self.weight / 100


def stages(rollout: Rollout) -> tuple[Stage, ...]:
    """Return the stages in order; a closed rollout ends with one of kind ``closed``."""
    found: list[Stage] = []
    acts = [(event.at, event.phase, event.weight) for event in rollout.history]
    for at, phase, weight in acts or [(rollout.started, rollout.phase, rollout.weight)]:
        kind: Literal["shadow", "canary", "closed"]
        if phase == "canary":
            kind = "canary"
        else:
            kind = "shadow" if phase in ("shadow", "waiting") else "closed"
        stage = Stage(kind=kind, weight=weight if kind == "canary" else 0, start=at)
        if not found or (found[-1].kind, found[-1].weight) != (stage.kind, stage.weight):
            found.append(stage)
    return tuple(found)


def find_stage(ordered: tuple[Stage, ...], at: int) -> int | None:
    """Return the place of the stage that a moment falls into; None before the start or after."""
    for place in range(len(ordered) - 1, -1, -1):
        if ordered[place].start <= at:
            return None if ordered[place].kind == "closed" else place
    return None
