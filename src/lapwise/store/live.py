"""What the store offers of a product in use: deployments, rollouts, alarms, observations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from lapwise.core.deployment import Deployment
from lapwise.core.observation import Alarm, DayPerformance, HourCounts
from lapwise.core.rollout import Rollout

__all__ = ["Alarms", "Deployments", "Observations", "Rollouts"]


class Deployments(Protocol):
    """Which versions of each model answer, and which did before."""

    def add(self, deployment: Deployment) -> Deployment:
        """Keep a deployment and give it the next ``revision`` of its model.

        Equal to the newest but for ``revision``, ``at`` and ``reason``, that one is returned.
        """
        ...

    def newest(self, model: str) -> Deployment | None:
        """Return the deployment in force, or None."""
        ...

    def list(
        self, model: str | None = None, *, limit: int = 100, below: int | None = None
    ) -> Sequence[Deployment]:
        """Return deployments, newest first; of a model those with ``revision < below``."""
        ...


class Rollouts(Protocol):
    """Versions on their way to users."""

    def create(self, rollout: Rollout) -> Rollout:
        """Keep a new rollout and give it its ``number`` in its model; same id, the one that is there.

        Raises:
            ConflictError: another rollout of the model is open.
        """
        ...

    def update(self, rollout: Rollout, *, seen: Rollout, act: str | None = None) -> Rollout:
        """Replace a rollout that still is as it was ``seen``; of two racing, one wins.

        Asked again with the same ``act`` (an id) before another's, it returns what is there.

        Raises:
            NotFoundError: there is no such rollout.
            ConflictError: it has changed since it was seen.
        """
        ...

    def get(self, reference: str, model: str | None = None) -> Rollout:
        """Return a rollout by id, or by number in a model; raises NotFoundError."""
        ...

    def open(self, model: str) -> Rollout | None:
        """Return the model's rollout that goes on, or None."""
        ...

    def list(
        self, model: str | None = None, *, limit: int = 100, after: str = ""
    ) -> Sequence[Rollout]:
        """Return rollouts, newest first, those that come after the one with the id ``after``."""
        ...


class Alarms(Protocol):
    """What monitors raised."""

    def add(self, alarm: Alarm) -> Alarm:
        """Keep an alarm and give it its ``number`` in its model; same id, the one that is there."""
        ...

    def list(
        self,
        model: str | None = None,
        *,
        since: int | None = None,
        limit: int = 100,
        after: str = "",
    ) -> Sequence[Alarm]:
        """Return alarms raised at or after ``since``, newest first.

        ``after`` is the id of the last one seen; empty for the beginning.
        """
        ...


class Observations(Protocol):
    """What monitoring counted; saving an hour or a day again replaces it."""

    def save(self, hours: Sequence[HourCounts] = (), days: Sequence[DayPerformance] = ()) -> None:
        """Keep hours by (model, version, hour) and days by (model, day), in one transaction."""
        ...

    def hours(
        self, model: str, *, since: int | None = None, until: int | None = None
    ) -> Sequence[HourCounts]:
        """Return hours with ``since <= hour < until``, oldest first."""
        ...

    def days(
        self, model: str, *, since: int | None = None, until: int | None = None
    ) -> Sequence[DayPerformance]:
        """Return days with ``since <= day < until``, oldest first."""
        ...
