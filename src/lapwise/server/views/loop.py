"""The first page of a product: what answers now, how good it is, and the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lapwise.loop.ledger import ledger
from lapwise.server.catalogue import require, versions_by_id
from lapwise.server.figures import Marks, performance
from lapwise.server.observed import metric_names, takeovers

if TYPE_CHECKING:
    from lapwise.core.lap import Lap
    from lapwise.core.model import ModelVersion
    from lapwise.store.model import Store

__all__ = ["lap_outcome", "loop_page", "version_names"]

_LAPS = 200
_ALARMS_SHOWN = 5


def loop_page(store: Store, loop: str, *, metric: str, by: str) -> dict[str, Any]:
    """Return the facts of a loop's page.

    Args:
        store: where everything is.
        loop: its name, which is its model's too.
        metric: the metric to draw; unknown or empty, the first there is.
        by: ``day`` or ``month``.

    Raises:
        NotFoundError: there is no such loop.
    """
    require(store, loop)
    versions = versions_by_id(store, loop)
    days = store.observations.days(loop)
    alarms = store.alarms.list(loop, limit=1000)
    changes = takeovers(store.deployments.list(loop, limit=1000))
    known = metric_names(days)
    chosen = metric if metric in known else next(iter(known), "")
    monthly = by == "month"
    laps = store.laps.list(loop, limit=_LAPS)
    said = store.features.list(loop)
    return {
        "loop_name": loop,
        "features": [one for one in said if one.turn == said[0].turn],
        "proof": next(iter(store.features.proofs(loop, limit=1)), None),
        "last": laps[0] if laps else None,
        "state": _state(store, loop, versions),
        "alarms": alarms[:_ALARMS_SHOWN],
        "alarm_count": len(alarms),
        "metrics": known,
        "metric": chosen,
        "by": "month" if monthly else "day",
        "figure": performance(
            days,
            chosen,
            monthly=monthly,
            marks=Marks(alarms, changes, version_names(versions)),
        ),
        "days": len(days),
        "predictions": sum(day.rows for day in days),
        "lap_metric": next((lap.metrics[0].name for lap in laps if lap.metrics), ""),
        "lines": _lines(store, loop, laps, versions),
        "numbers": {one.id: one.number for one in versions.values()},
    }


def version_names(versions: dict[str, ModelVersion]) -> dict[str, str]:
    """Return what people call each version, by id."""
    return {one.id: f"v{one.number}" for one in versions.values()}


def lap_outcome(store: Store, lap: Lap) -> str:
    """Return what became of a lap in a word: a person's decision, once there is one."""
    if lap.version is None or lap.state in ("refused", "failed"):
        return lap.state
    decisions = store.models.approvals(lap.version)
    return decisions[-1].decision if decisions else lap.state


def _state(store: Store, loop: str, versions: dict[str, ModelVersion]) -> dict[str, Any]:
    """Return who answers now, for how many, and since when."""
    deployments = store.deployments.list(loop, limit=1000)
    now = deployments[0] if deployments else None
    since = None
    for one in deployments:
        if now is None or one.production != now.production:
            break
        since = one.at
    held = now.production if now else None
    standing = next((one for one in versions.values() if one.stage == "production"), None)
    return {
        "deployment": now,
        "production": versions.get(held) if held else standing,
        "since": since,
        "canary": versions.get(now.canary) if now and now.canary else None,
        "shadow": versions.get(now.shadow) if now and now.shadow else None,
        "rollout": store.rollouts.open(loop),
    }


def _lines(
    store: Store, loop: str, laps: Sequence[Lap], versions: dict[str, ModelVersion]
) -> list[dict[str, Any]]:
    lines = {line.number: line for line in ledger(store, limit=_LAPS) if line.loop == loop}
    shown = []
    for lap in laps:
        line = lines.get(lap.number)
        if line is None:
            continue
        shown.append(
            {
                "line": line,
                "outcome": lap_outcome(store, lap),
                "metric": next(iter(lap.metrics), None),
                "found": Counter(verdict.status for verdict in lap.verdicts).most_common(),
                "version": versions.get(lap.version) if lap.version else None,
            }
        )
    return shown
