"""What people do with rollouts: pause, resume, abort, roll back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from lapwise.core.errors import ConflictError, NotFoundError, RolloutError
from lapwise.loop.deploy import deploy
from lapwise.loop.rolling import settle_stage
from lapwise.loop.serve import find_model
from lapwise.registry.succession import roll_back
from lapwise.rollout import abort, pause, resume
from lapwise.rollout import roll_back as roll_back_step

if TYPE_CHECKING:
    from lapwise.core.deployment import Deployment
    from lapwise.core.model import ModelVersion
    from lapwise.core.rollout import Rollout
    from lapwise.loop.bootstrap import Workshop
    from lapwise.store.model import Store

__all__ = ["act", "decide_version", "find_rollout", "roll_back_now"]

_ACTS = {"pause": pause, "resume": resume, "abort": abort}


def decide_version(
    workshop: Workshop, act: Callable[..., ModelVersion], reference: str, *, by: str, **more: str
) -> ModelVersion:
    """Do an act of the registry to a version, and let the deployment follow it.

    Args:
        workshop: the project.
        act: ``approve``, ``refuse`` or ``archive`` of the registry.
        reference: the version.
        by: who decides.
        more: what the act takes besides, such as ``note``.

    Raises:
        StageError: the version may not move so.
        NotFoundError: there is no such version.
    """
    store, now = workshop.store, workshop.world.now()
    moved = act(store, store.models.get(reference), by=by, at=now, **more)
    rollout = store.rollouts.open(moved.model)
    if rollout is not None and rollout.candidate == moved.id and moved.stage == "archived":
        # It answers nobody from now on, also where no watcher runs that would see it.
        at = max(now, rollout.history[-1].at)
        ended = abort(rollout, at=at, by=by, reason=f"v{moved.number} is archived")
        with suppress(ConflictError):  # it ended, or moved on, meanwhile: the watcher sees to it
            store.rollouts.update(ended, seen=rollout)
    deploy(store, workshop.project.live, moved.model, at=now)
    return moved


def find_rollout(store: Store, model: str | None, number: int | None) -> Rollout:
    """Return a rollout by its number, default the newest, of a model, default the only one.

    Raises:
        NotFoundError: there is none.
    """
    name = find_model(store, model)
    if number is not None:
        return store.rollouts.get(str(number), name)
    found = store.rollouts.list(name, limit=1)
    if not found:
        raise NotFoundError(
            f"{name} was never rolled out",
            expected="a version after the first, in staging",
            fix="lapwise lap, then lapwise watch",
        )
    return found[0]


def act(workshop: Workshop, action: str, model: str | None, *, by: str, note: str) -> Rollout:
    """Pause, resume or abort the open rollout, and let registry and deployment follow.

    Raises:
        RolloutError: no rollout is open, it cannot be done now, or it moved on meanwhile.
    """
    store = workshop.store
    name = find_model(store, model)
    now = workshop.world.now()
    rollout = _open(store, name)
    after = _ACTS[action](rollout, at=max(now, rollout.history[-1].at), by=by, reason=note)
    return _keep(workshop, after, rollout)


def roll_back_now(
    workshop: Workshop, reference: str | None, *, by: str, note: str
) -> tuple[ModelVersion, Deployment]:
    """Take the newest version away from users: the open rollout's, else production's.

    Args:
        workshop: the project.
        reference: a model, default the only one; or the very version that is meant, so that two
            people who act at once do not take two versions away.
        by: who does it.
        note: why.

    Returns:
        The version that was taken away, and the deployment that is in force.

    Raises:
        StageError: production replaced no other version.
        RolloutError: the rollout moved on meanwhile, or the version named answers nobody.
    """
    store = workshop.store
    meant = store.models.get(reference) if reference and "@" in reference else None
    name = meant.model if meant else find_model(store, reference)
    _check_meant(store, meant)
    now = workshop.world.now()
    rollout = store.rollouts.open(name)
    if rollout is not None:
        at = max(now, rollout.history[-1].at)
        reason = note or f"Rolled back by {by}."
        _keep(workshop, roll_back_step(rollout, reason, at=at, by=by), rollout)
        version = store.models.get(rollout.candidate)
    else:
        version = roll_back(store, _production(store, name), by=by, at=now, note=note)
    deployed = deploy(store, workshop.project.live, name, at=now, reason=note)
    if deployed is None:
        raise RolloutError("nothing is in production", value=name, fix="lapwise models")
    return version, deployed


def _check_meant(store: Store, meant: ModelVersion | None) -> None:
    """Refuse to take away another version than the one that is meant."""
    if meant is None:
        return
    rollout = store.rollouts.open(meant.model)
    production = store.models.production(meant.model)
    next_ = rollout.candidate if rollout else production.id if production else ""
    if next_ != meant.id:
        raise RolloutError(
            f"v{meant.number} is not what would be taken away",
            value=meant.stage,
            expected=f"v{store.models.get(next_).number}" if next_ else "a version that answers",
            fix=f"lapwise models {meant.model}, then decide again",
        )


def _keep(workshop: Workshop, after: Rollout, before: Rollout) -> Rollout:
    try:
        kept = workshop.store.rollouts.update(after, seen=before)
    except ConflictError as error:
        raise RolloutError(
            "the rollout moved on at the same moment",
            value=after.id,
            expected="the rollout as it was seen",
            fix="lapwise rollout status, then decide again",
        ) from error
    at = after.history[-1].at
    settle_stage(workshop, kept, at=at)
    deploy(workshop.store, workshop.project.live, kept.model, at=at)
    return kept


def _open(store: Store, model: str) -> Rollout:
    rollout = store.rollouts.open(model)
    if rollout is None:
        raise RolloutError(
            f"no rollout of {model} is open",
            expected="one that goes on",
            fix="lapwise rollout status",
        )
    return rollout


def _production(store: Store, model: str) -> ModelVersion:
    found = store.models.production(model)
    if found is None:
        raise RolloutError("nothing is in production", value=model, fix="lapwise models")
    return found
