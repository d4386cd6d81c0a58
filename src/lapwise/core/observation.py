"""What monitoring saw: exact counts by hour, performance by day, alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from lapwise.core.model import Metric, Record

__all__ = ["Alarm", "AlarmKind", "DayPerformance", "HourCounts"]

AlarmKind: TypeAlias = Literal["drift", "harm"]


class HourCounts(Record, frozen=True, kw_only=True):
    """What one version answered within one hour of the world, on its reference's frozen bins.

    ``hour`` is the hour's first microsecond. ``bins`` has the counts of each feature's bins, and
    those of the score under ``score``. ``unseen`` counts values that training never saw, by column.
    """

    model: str
    version: str
    hour: int
    rows: int
    bins: dict[str, tuple[int, ...]]
    unseen: Mapping[str, int] = {}
    failures: int = 0


class DayPerformance(Record, frozen=True, kw_only=True):
    """How good the answers of one day were, by the labels known so far.

    ``day`` is the day's first microsecond by the time of prediction. ``log_loss`` and such stand in
    ``metrics``; ``skill`` there is the share of the base rate's own loss that the scores save.
    """

    model: str
    day: int
    rows: int
    labelled: int
    base_rate: float
    mean_score: float
    metrics: tuple[Metric, ...] = ()


class Alarm(Record, frozen=True, kw_only=True):
    """Something changed (``drift``), or got worse for users (``harm``).

    ``subject`` is the feature or metric, ``version`` who answered; ``since`` the world's time from
    which it is seen, ``at`` when it was raised. ``p`` is how likely the like is without a change.
    """

    id: str
    model: str
    monitor: str
    kind: AlarmKind
    subject: str
    version: str
    since: int
    at: int
    sentence: str
    measured: float | None = None
    limit: float | None = None
    p: float | None = None
    number: int = 0
