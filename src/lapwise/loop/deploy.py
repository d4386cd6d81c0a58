"""Deploy: write down which versions answer, and lay them where the data plane finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.deployment import Deployment
from lapwise.core.errors import ServingError
from lapwise.loop.served import pack
from lapwise.registry.kept import KEPT
from lapwise.rollout import deployment_for
from lapwise.serving import VersionFiles, publish, read_deployment
from lapwise.serving.snapshot import DEPLOYMENT

if TYPE_CHECKING:
    from pathlib import Path

    from lapwise.store.model import Store

__all__ = ["deploy", "folder_of"]

_WAIT = 30.0


def folder_of(live: Path, model: str) -> Path:
    """Return the snapshot folder of a model: what its servers read, and where they log."""
    return live / model


def deploy(store: Store, live: Path, model: str, *, at: int, reason: str = "") -> Deployment | None:
    """Make the deployment follow the registry and the open rollout; return the one in force.

    Asked again, or by several processes at once, it changes nothing more: what is deployed follows
    from the records alone.

    Args:
        store: the records.
        live: the project's folder of what answers.
        model: whose deployment.
        at: the world's time.
        reason: why, for people.

    Returns:
        None if no version is in production, or one that an MLflow client put there, which is kept and
        never served.
    """
    with store.leases.hold(f"deploy:{model}", wait=_WAIT):
        production = store.models.production(model)
        if production is None or production.format == KEPT:
            return None
        rollout = store.rollouts.open(model)
        wanted = (
            Deployment(model=model, production=production.id, at=at, reason=reason)
            if rollout is None or rollout.control != production.id
            else deployment_for(rollout, production.id, at=at, reason=reason)
        )
        kept = store.deployments.add(wanted)
        folder = folder_of(live, model)
        if _shown(folder) != kept:
            named = [one for one in (kept.production, kept.canary, kept.shadow) if one]
            publish(folder, kept, {one: _files(store, one) for one in named})
        return kept


def _shown(folder: Path) -> Deployment | None:
    """Return what the folder says, and take away what says nothing, so that it is laid anew."""
    try:
        return read_deployment(folder)
    except ServingError:
        (folder / DEPLOYMENT).unlink(missing_ok=True)
        return None


def _files(store: Store, version: str) -> VersionFiles:
    found = store.models.get(version)
    return VersionFiles(
        content=pack(found, store),
        blobs={part.digest: store.blobs.path(part.digest) for part in found.artifacts},
    )
