"""Which versions answer: the one record that the data plane works from."""

from __future__ import annotations

from typing import Literal, TypeAlias

from lapwise.core.model import Record

__all__ = ["BUCKETS", "ArmName", "Deployment"]

ArmName: TypeAlias = Literal["production", "canary", "shadow"]

BUCKETS = 10_000
"""Units are hashed into so many buckets; the first ``weight`` of them are the canary's."""


class Deployment(Record, frozen=True, kw_only=True):
    """Which versions of a model answer from now on, and for whom.

    ``production``, ``canary`` and ``shadow`` are ids of model versions. ``weight`` of
    :data:`BUCKETS` buckets of units go to the canary. ``salt`` names the assignment of units to
    buckets: it stays while a rollout raises its weight, so that nobody is moved back and forth.
    ``revision`` counts the deployments of a model and is given by the store; ``at`` is the world's
    time.
    """

    model: str
    production: str
    canary: str | None = None
    weight: int = 0
    shadow: str | None = None
    salt: str = ""
    revision: int = 0
    at: int = 0
    reason: str = ""
