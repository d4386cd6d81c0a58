"""One lap: its steps and what they cost, its metrics and verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapwise.server.catalogue import versions_by_id
from lapwise.server.views.loop import lap_outcome
from lapwise.server.views.verdicts import verdict_rows

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["lap_page"]


def lap_page(store: Store, loop: str, number: int) -> dict[str, Any]:
    """Return the facts of a lap's page; raises NotFoundError."""
    lap = store.laps.get(str(number), loop)
    longest = max((step.seconds for step in lap.steps if not step.reused), default=0.0)
    return {
        "loop_name": loop,
        "lap": lap,
        "outcome": lap_outcome(store, lap),
        "version": versions_by_id(store, loop).get(lap.version) if lap.version else None,
        "approvals": store.models.approvals(lap.version) if lap.version else (),
        "longest": longest or 1.0,
        "reused": sum(step.reused for step in lap.steps),
        "verdicts": verdict_rows(lap.verdicts),
    }
