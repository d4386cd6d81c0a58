"""One version: what it was made from, what the gates found, who let it pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapwise.core.errors import NotFoundError
from lapwise.loop.ledger import last_verdicts
from lapwise.registry import trace_version
from lapwise.server.catalogue import aliases_of, find_version
from lapwise.server.views.verdicts import verdict_rows

if TYPE_CHECKING:
    from lapwise.core.model import Metric, Run
    from lapwise.store.model import Store

__all__ = ["version_page"]


def version_page(store: Store, model: str, number: int) -> dict[str, Any]:
    """Return the facts of a version's page; raises NotFoundError."""
    version = find_version(store, model, number)
    run = _run(store, version.lineage.run)
    rollouts = [one for one in store.rollouts.list(model) if one.candidate == version.id]
    laps = [one for one in store.laps.list(model, limit=1000) if one.version == version.id]
    return {
        "model": model,
        "version": version,
        "walk": trace_version(store, version),
        "verdicts": verdict_rows(last_verdicts(store, version)),
        "approvals": store.models.approvals(version.id),
        "run": run,
        "metrics": _metrics(store, run) if run else (),
        "aliases": aliases_of(store, model).get(number, ()),
        "params": store.runs.params([run.id]).get(run.id, ()) if run else (),
        "rollouts": rollouts,
        "laps": laps,
        "newer": _there(store, model, number + 1),
    }


def _metrics(store: Store, run: Run) -> list[Metric]:
    """Return what the run measured, without what its machine did meanwhile."""
    found = store.runs.metrics([run.id]).get(run.id, ())
    return [one for one in found if not one.name.startswith("system/")]


def _run(store: Store, reference: str | None) -> Run | None:
    try:
        return store.runs.get(reference) if reference else None
    except NotFoundError:
        return None


def _there(store: Store, model: str, number: int) -> bool:
    try:
        find_version(store, model, number)
    except NotFoundError:
        return False
    return True
