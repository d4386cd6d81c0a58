"""What a watcher tells while it works: one thing that happened, for whoever looks on."""

from __future__ import annotations

from typing import Literal, TypeAlias

from lapwise.core.model import Record

__all__ = ["Happened", "HappenedKind", "TickAsked", "Ticked"]

HappenedKind: TypeAlias = Literal["lap", "approved", "alarm", "rollout", "trouble"]


class Happened(Record, frozen=True, kw_only=True):
    """One thing that happened at ``at``, the world's time; ``subject`` is its id in the store."""

    at: int
    kind: HappenedKind
    sentence: str
    subject: str = ""


class TickAsked(Record, frozen=True, kw_only=True):
    """The world's time has come to ``at``, and all that was logged before is on disk."""

    at: int


class Ticked(Record, frozen=True, kw_only=True):
    """A tick is done: ``revision`` is that of the deployment in force, 0 if nothing is served."""

    at: int
    revision: int
