"""How far each day's answers have moved from what is normal for the version that gave them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from lapwise.core.model import Record
from lapwise.loop.reference import read_reference
from lapwise.loop.serve import find_model
from lapwise.monitoring.stray import distance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lapwise.core.observation import HourCounts
    from lapwise.monitoring import Reference
    from lapwise.store.model import Store

__all__ = ["DayDrift", "Moved", "drift_by_day"]

_DAY = 86_400_000_000


class Moved(Record, frozen=True, kw_only=True):
    """One feature's distance from the reference on one day: Jensen–Shannon, 0 to 1."""

    feature: str
    distance: float


class DayDrift(Record, frozen=True, kw_only=True):
    """One day: what came in, what came true, and what moved, the farthest first."""

    day: int
    rows: int
    labelled: int = 0
    base_rate: float | None = None
    mean_score: float | None = None
    auc: float | None = None
    moved: tuple[Moved, ...] = ()


def drift_by_day(store: Store, model: str | None, days: int) -> tuple[DayDrift, ...]:
    """Return the last days on which something was answered, oldest first.

    Raises:
        NotFoundError: there is no such model.
    """
    name = find_model(store, model)
    performance = {one.day: one for one in store.observations.days(name)}
    if not performance:
        return ()
    wanted = sorted(performance)[-days:]
    hours = store.observations.hours(name, since=wanted[0], until=wanted[-1] + _DAY)
    by_day: dict[int, list[HourCounts]] = defaultdict(list)
    for hour in hours:
        by_day[hour.hour // _DAY * _DAY].append(hour)
    references: dict[str, Reference | None] = {}
    found = []
    for day in wanted:
        seen = performance[day]
        for hour in by_day[day]:
            references.setdefault(hour.version, read_reference(store, hour.version))
        areas = {metric.name: metric.value for metric in seen.metrics}
        found.append(
            DayDrift(
                day=day,
                rows=seen.rows,
                labelled=seen.labelled,
                base_rate=seen.base_rate if seen.labelled else None,
                mean_score=seen.mean_score if seen.labelled else None,
                auc=areas.get("roc_auc"),
                moved=_moved(by_day[day], references),
            )
        )
    return tuple(found)


def _moved(
    hours: Sequence[HourCounts], references: Mapping[str, Reference | None]
) -> tuple[Moved, ...]:
    """Return each feature's distance, over the versions that answered, by their rows."""
    distances: dict[str, float] = defaultdict(float)
    rows = sum(hour.rows for hour in hours)
    for version in {hour.version for hour in hours}:
        reference = references[version]
        if reference is None:
            continue
        mine = [hour for hour in hours if hour.version == version]
        share = sum(hour.rows for hour in mine) / rows
        for counted in reference.counted:
            column = counted.bins.name
            seen = [hour.bins[column] for hour in mine if column in hour.bins]
            if seen:
                expected = np.asarray(counted.counts).sum(axis=0)
                distances[column] += share * distance(np.asarray(seen).sum(axis=0), expected)
    ordered = sorted(distances.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Moved(feature=name, distance=value) for name, value in ordered)
