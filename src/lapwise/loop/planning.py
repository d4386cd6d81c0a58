"""Plan a rollout on the traffic that was there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.errors import NotFoundError
from lapwise.loop.deploy import folder_of
from lapwise.rollout import PlannedStep, Rollout, Traffic, TrafficFold, plan
from lapwise.serving import LogReader, log_folder

if TYPE_CHECKING:
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop

__all__ = ["plan_rollout"]

_WEEKS = 14 * 86_400_000_000


def plan_rollout(workshop: Workshop, loop: Loop) -> tuple[tuple[PlannedStep, ...], Traffic]:
    """Return the days that each step of the page's rollout needs at the last two weeks' traffic.

    Raises:
        NotFoundError: nothing was asked yet, so there is no traffic to plan with.
        RolloutError: the plan cannot conclude; the error says what would.
    """
    entries = LogReader(log_folder(folder_of(workshop.project.live, loop.name))).read()
    if not entries:
        raise NotFoundError(
            "nothing was asked yet, so there is no traffic to plan with",
            value=loop.name,
            fix=f"lapwise serve {loop.name}",
        )
    last = entries[-1].at
    fold = TrafficFold()
    for entry in entries:
        if entry.at > last - _WEEKS:
            fold.add(entry)
    traffic = fold.traffic()
    return plan((loop.rollout or Rollout()).policy, traffic), traffic
