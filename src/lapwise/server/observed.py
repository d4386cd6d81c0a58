"""Arithmetic on what monitoring counted: by day, by month, and against a reference."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import add
from typing import TYPE_CHECKING

from lapwise.core.clock import format_time

if TYPE_CHECKING:
    from lapwise.core.deployment import Deployment
    from lapwise.core.observation import DayPerformance, HourCounts

__all__ = [
    "DAY",
    "DayCounts",
    "Point",
    "Takeover",
    "by_day",
    "by_month",
    "divergence",
    "in_order",
    "merged",
    "metric_names",
    "points",
    "stability_index",
    "takeovers",
    "trailing",
]

DAY = 86_400_000_000
_FIRST = ("roc_auc", "average_precision", "log_loss", "skill", "brier", "rmse", "mae")


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a time, and how many rows it stands on."""

    at: int
    value: float
    weight: int


@dataclass(frozen=True, slots=True)
class Takeover:
    """A version began to answer for everybody."""

    at: int
    version: str


@dataclass(slots=True)
class DayCounts:
    """What the version in production answered on one day, on its reference's bins."""

    day: int
    version: str
    rows: int = 0
    bins: dict[str, tuple[int, ...]] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)


def metric_names(days: Iterable[DayPerformance]) -> tuple[str, ...]:
    """Return the names of all metrics, those that people ask for first at the front."""
    return in_order({metric.name: None for day in days for metric in day.metrics})


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of metrics with those that people ask for first at the front.

    >>> in_order(["recall", "log_loss", "roc_auc"])
    ('roc_auc', 'log_loss', 'recall')
    """
    return tuple(sorted(names, key=lambda name: _FIRST.index(name) if name in _FIRST else 99))


def points(days: Iterable[DayPerformance], metric: str) -> list[Point]:
    """Return a metric by day; days on which it could not be measured are left out."""
    return [
        Point(day.day, one.value, day.labelled)
        for day in days
        for one in day.metrics
        if one.name == metric and math.isfinite(one.value)
    ]


def trailing(series: Sequence[Point], days: int = 7) -> list[Point]:
    """Return the mean of each point and those of the ``days`` before it, by rows.

    >>> [one.value for one in trailing([Point(0, 1.0, 1), Point(DAY, 4.0, 2)])]
    [1.0, 3.0]
    """
    found = []
    start = 0
    for end, point in enumerate(series):
        while series[start].at <= point.at - days * DAY:
            start += 1
        found.append(_mean(series[start : end + 1], point.at))
    return found


def by_month(series: Iterable[Point]) -> list[Point]:
    """Return the mean of each calendar month's points, by rows, at the month's first instant."""
    months: dict[str, list[Point]] = {}
    for point in series:
        months.setdefault(format_time(point.at)[:7], []).append(point)
    return [_mean(group, group[0].at) for group in months.values()]


def takeovers(deployments: Iterable[Deployment]) -> list[Takeover]:
    """Return when each version began to answer for everybody, oldest first."""
    found: list[Takeover] = []
    for one in sorted(deployments, key=lambda deployment: deployment.revision):
        if not found or found[-1].version != one.production:
            found.append(Takeover(one.at, one.production))
    return found


def by_day(hours: Iterable[HourCounts], changes: Sequence[Takeover]) -> list[DayCounts]:
    """Return the counts of each day, those of one version: who answered most rows of that day.

    A shadow answers as many rows as production; so, where it is known who was in production, the
    others are left out first.
    """
    starts = [change.at for change in changes]
    found: dict[tuple[int, str], DayCounts] = {}
    for hour in hours:
        # A takeover in the midst of an hour: the hour counts for who had most of it by its end.
        place = bisect_right(starts, hour.hour + DAY // 48) - 1
        if place >= 0 and changes[place].version != hour.version:
            continue
        day = hour.hour - hour.hour % DAY
        counts = found.setdefault((day, hour.version), DayCounts(day, hour.version))
        counts.rows += hour.rows
        _add(counts.bins, hour.bins)
        for name, number in hour.unseen.items():
            counts.unseen[name] = counts.unseen.get(name, 0) + number
    days: dict[int, DayCounts] = {}
    for counts in sorted(found.values(), key=lambda one: (one.day, one.rows)):
        days[counts.day] = counts
    return list(days.values())


def merged(days: Iterable[DayCounts]) -> dict[str, tuple[int, ...]]:
    """Return the sum of several days' bins; the days must be of one version."""
    total: dict[str, tuple[int, ...]] = {}
    for day in days:
        _add(total, day.bins)
    return total


def divergence(reference: Sequence[int], counts: Sequence[int]) -> float | None:
    """Return the Jensen-Shannon distance (base 2, from 0 to 1) of two histograms; None if empty.

    >>> divergence((5, 5), (10, 10)), divergence((5, 0), (0, 5)), divergence((1,), (0,))
    (0.0, 1.0, None)
    """
    total, other = sum(reference), sum(counts)
    if not total or not other or len(reference) != len(counts):
        return None
    found = 0.0
    for left, right in zip(reference, counts, strict=True):
        p, q = left / total, right / other
        middle = (p + q) / 2
        found += (p * math.log2(p / middle) if p else 0) + (q * math.log2(q / middle) if q else 0)
    return math.sqrt(min(max(found / 2, 0.0), 1.0))


def stability_index(reference: Sequence[int], counts: Sequence[int]) -> float | None:
    """Return the population stability index, half a row added to each bin; None if empty.

    >>> stability_index((5, 5), (5, 5))
    0.0
    """
    size = len(reference)
    total, other = sum(reference) + size / 2, sum(counts) + size / 2
    if not sum(reference) or not sum(counts) or size != len(counts):
        return None
    pairs = zip(reference, counts, strict=True)
    shares = [((right + 0.5) / other, (left + 0.5) / total) for left, right in pairs]
    return sum((q - p) * math.log(q / p) for q, p in shares)


def _mean(group: Sequence[Point], at: int) -> Point:
    weight = sum(point.weight for point in group)
    if not weight:
        return Point(at, sum(point.value for point in group) / len(group), 0)
    return Point(at, sum(point.value * point.weight for point in group) / weight, weight)


def _add(total: dict[str, tuple[int, ...]], more: Mapping[str, tuple[int, ...]]) -> None:
    for name, counts in more.items():
        before = total.get(name)
        if before is None or len(before) != len(counts):
            total[name] = counts
        else:
            total[name] = tuple(map(add, before, counts))
