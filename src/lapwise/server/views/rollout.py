"""One rollout: where it stands, what speaks for and against it, what was done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lapwise.core.errors import NotFoundError
from lapwise.server.catalogue import versions_by_id
from lapwise.server.intervals import Bounds, Interval, place

if TYPE_CHECKING:
    from lapwise.core.model import Approval, ModelVersion
    from lapwise.core.rollout import Guard, Rollout, RolloutEvent
    from lapwise.store.model import Store

__all__ = ["rollout_page"]


@dataclass(frozen=True, slots=True)
class _GuardRow:
    guard: Guard
    interval: Interval


@dataclass(frozen=True, slots=True)
class _Step:
    """A stop on the way; ``state`` is ``done``, ``now``, ``ahead`` or ``stopped``."""

    name: str
    state: str


@dataclass(frozen=True, slots=True)
class _Act:
    event: RolloutEvent
    guards: tuple[_GuardRow, ...]


def rollout_page(store: Store, model: str, number: int) -> dict[str, Any]:
    """Return the facts of a rollout's page; raises NotFoundError."""
    rollout = store.rollouts.get(str(number), model)
    versions = versions_by_id(store, model)
    acts = [_Act(event, _rows(event.guards)) for event in reversed(rollout.history)]
    return {
        "model": model,
        "rollout": rollout,
        "candidate": versions.get(rollout.candidate),
        "control": versions.get(rollout.control),
        "way": _way(rollout),
        "guards": _rows(rollout.guards or _last_guards(rollout)),
        "acts": acts,
        "approvals": _approvals(store, versions.get(rollout.candidate)),
        "policy": rollout.policy,
    }


def _last_guards(rollout: Rollout) -> tuple[Guard, ...]:
    return next((event.guards for event in reversed(rollout.history) if event.guards), ())


def _rows(guards: tuple[Guard, ...]) -> tuple[_GuardRow, ...]:
    """Draw guards that are held against one limit on one scale."""
    drawn: dict[int, Interval] = {}
    for limit in {guard.limit for guard in guards}:
        places = [at for at, guard in enumerate(guards) if guard.limit == limit]
        bounds = [
            Bounds(one.measured, one.low, one.high, one.limit)
            for one in (guards[at] for at in places)
        ]
        drawn.update(zip(places, place(bounds), strict=True))
    return tuple(_GuardRow(guard, drawn[at]) for at, guard in enumerate(guards))


def _way(rollout: Rollout) -> list[_Step]:
    """Return every stop from the shadow to production, and which of them is now."""
    names = ["shadow", "approval", *(f"{step} %" for step in rollout.policy.steps), "production"]
    if rollout.phase == "promoted":
        return [_Step(name, "done") for name in names]
    if rollout.phase in ("rolled_back", "aborted"):
        reached = max(
            (_reached(event.phase, event.weight, rollout) for event in rollout.history), default=0
        )
        states = ["done"] * reached + ["stopped"] + ["ahead"] * len(names)
    else:
        reached = _reached(rollout.phase, rollout.weight, rollout)
        states = ["done"] * reached + ["now"] + ["ahead"] * len(names)
    return [_Step(name, state) for name, state in zip(names, states, strict=False)]


def _reached(phase: str, weight: int, rollout: Rollout) -> int:
    """Return the place on the way of a phase and a weight."""
    if phase == "shadow":
        return 0
    if phase == "waiting":
        return 1
    if phase != "canary":
        return 0
    steps = rollout.policy.steps
    return 2 + next((place for place, step in enumerate(steps) if step >= weight), len(steps) - 1)


def _approvals(store: Store, version: ModelVersion | None) -> tuple[Approval, ...]:
    if version is None:
        return ()
    try:
        return tuple(store.models.approvals(version.id))
    except NotFoundError:
        return ()
