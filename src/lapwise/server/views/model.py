"""A model's versions, who answered when, and its rollouts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapwise.server.catalogue import aliases_of, require, versions_by_id
from lapwise.server.observed import in_order
from lapwise.server.views.loop import version_names

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["model_page", "rollouts_page"]

_DEPLOYMENTS = 50


def model_page(store: Store, model: str) -> dict[str, Any]:
    """Return the facts of a model's page; raises NotFoundError."""
    require(store, model)
    versions = versions_by_id(store, model)
    runs = [one.lineage.run for one in versions.values() if one.lineage.run]
    metrics = store.runs.metrics(runs) if runs else {}
    decisions = {one.id: store.models.approvals(one.id) for one in versions.values()}
    measured = {
        one.id: {
            metric.name: metric.value
            for metric in metrics.get(one.lineage.run or "", ())
            if not metric.name.startswith("system/")
        }
        for one in versions.values()
    }
    columns = {name: None for found in measured.values() for name in found}
    return {
        "model": model,
        "versions": tuple(versions.values()),
        "aliases": aliases_of(store, model),
        "decisions": {key: found[-1] for key, found in decisions.items() if found},
        "measured": measured,
        "columns": in_order(columns)[:4],
        "deployments": store.deployments.list(model, limit=_DEPLOYMENTS),
        "rollouts": store.rollouts.list(model),
        "names": version_names(versions),
        "numbers": {one.id: one.number for one in versions.values()},
    }


def rollouts_page(store: Store, model: str) -> dict[str, Any]:
    """Return the facts of the list of a model's rollouts; raises NotFoundError."""
    require(store, model)
    versions = versions_by_id(store, model)
    return {
        "model": model,
        "rollouts": store.rollouts.list(model, limit=1000),
        "names": version_names(versions),
        "numbers": {one.id: one.number for one in versions.values()},
    }
