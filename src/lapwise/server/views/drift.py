"""How the world moved and what it did to the answers, day by day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lapwise.server.catalogue import require, versions_by_id
from lapwise.server.figures import Marks, calibration, heat, performance, shares
from lapwise.server.observed import (
    DAY,
    DayCounts,
    by_day,
    divergence,
    merged,
    metric_names,
    stability_index,
    takeovers,
)
from lapwise.server.references import Bins, make_bins, read_reference
from lapwise.server.views.features import last_proof
from lapwise.server.views.loop import version_names

if TYPE_CHECKING:
    from lapwise.core.observation import Alarm, DayPerformance, HourCounts
    from lapwise.store.model import Store

__all__ = ["SPANS", "drift_page"]

SPANS = (30, 90, 365)
_DEFAULT = 90
_WEEK = 7
_DRAWN = 30


@dataclass(frozen=True, slots=True)
class _FeatureRow:
    """How far a feature moved; ``week`` is of the last seven days, ``times`` their mean day.

    ``times`` and ``highest`` count in the distance that the reference's own days keep.
    """

    name: str
    times: float | None
    week: float | None
    index: float | None
    highest: float | None
    highest_day: int | None
    unseen: int
    alarms: int


def drift_page(store: Store, model: str, *, days: int | None, feature: str) -> dict[str, Any]:
    """Return the facts of a model's drift page.

    Args:
        store: where everything is.
        model: its name.
        days: how many of the last days to show; 0 for all, None for the usual 90.
        feature: whose bins to draw; unknown or empty, the one that moved most.

    Raises:
        NotFoundError: there is no such model.
    """
    require(store, model)
    stretch = _DEFAULT if days is None else days
    performed = store.observations.days(model)
    hours, since = _recent(store, model, performed, stretch)
    shown = [day for day in performed if day.day >= since]
    alarms = [one for one in store.alarms.list(model, limit=1000) if one.at >= since]
    changes = takeovers(store.deployments.list(model, limit=1000))
    names = version_names(versions_by_id(store, model))
    marks = Marks(alarms, changes, names)
    known = metric_names(shown)
    drawn = [
        (name, performance(shown, name, monthly=False, marks=marks))
        for name in known
        if name in ("roc_auc", "log_loss")
    ] or [(name, performance(shown, name, monthly=False, marks=marks)) for name in known[:2]]
    return {
        "model": model,
        "proof": last_proof(store, model),
        "spans": SPANS,
        "stretch": stretch,
        "seen": bool(performed or hours),
        "performance": [(name, figure) for name, figure in drawn if figure],
        "calibration": calibration(shown, marks=marks),
        "alarms": alarms,
        "names": names,
        "numbers": {one.id: one.number for one in versions_by_id(store, model).values()},
        **_moved(store, by_day(hours, changes), alarms, feature),
    }


def _recent(
    store: Store, model: str, performed: Sequence[DayPerformance], stretch: int
) -> tuple[Sequence[HourCounts], int]:
    """Return the hours of the last ``stretch`` days that were seen, and since when that is."""
    if not stretch:
        return store.observations.hours(model), -(2**62)
    newest = store.deployments.newest(model)
    last = max(performed[-1].day if performed else 0, newest.at if newest else 0)
    hours = store.observations.hours(model, since=last - last % DAY - (stretch - 1) * DAY)
    if not hours:
        return (), last - last % DAY - (stretch - 1) * DAY
    end = hours[-1].hour - hours[-1].hour % DAY
    since = end - (stretch - 1) * DAY
    return [one for one in hours if one.hour >= since], since


def _moved(
    store: Store, counted: list[DayCounts], alarms: Sequence[Alarm], feature: str
) -> dict[str, Any]:
    """Return how far each feature is from its reference, as a table and as figures."""
    if not counted:
        return {"features": (), "feature": "", "heat": None, "shares": None, "compared": "training"}
    references = {one: read_reference(store, one) for one in {day.version for day in counted}}
    bins = {
        version: found or _first_week(version, counted) for version, found in references.items()
    }
    names = list(dict.fromkeys(name for day in counted for name in day.bins))
    times = {
        name: [_times(bins[day.version].get(name), day.bins.get(name)) for day in counted]
        for name in names
    }
    ordered = sorted(names, key=lambda name: -(_mean(times[name]) or 0.0))
    chosen = feature if feature in times else next(iter(ordered), "")
    rows = [_row(name, counted, times[name], bins, alarms) for name in names]
    shown = _shown_version(counted)
    days = [day for day in counted if day.version == shown]
    held = bins[shown].get(chosen)
    return {
        "features": sorted(rows, key=lambda row: -(row.times or 0.0)),
        "feature": chosen,
        "compared": "training" if all(references.values()) else "its first week",
        "heat": heat(
            [day.day for day in counted], ordered[:_DRAWN], [times[one] for one in ordered[:_DRAWN]]
        )
        if ordered
        else None,
        "shares": shares(
            [day.day for day in days],
            [day.bins.get(chosen, ()) for day in days],
            held.counts if held else (),
            held.labels if held else (),
        ),
        "of": shown,
    }


def _row(
    name: str,
    counted: list[DayCounts],
    times: Sequence[float | None],
    bins: dict[str, dict[str, Bins]],
    alarms: Sequence[Alarm],
) -> _FeatureRow:
    last = counted[-1]
    recent = [day for day in counted if day.day > last.day - _WEEK * DAY]
    week = [day for day in recent if day.version == last.version]
    held = bins[last.version].get(name)
    total = merged(week).get(name)
    measured = [(one, day.day) for one, day in zip(times, counted, strict=True) if one is not None]
    highest = max(measured, default=(None, None))
    return _FeatureRow(
        name=name,
        times=_mean(times[-len(recent) :]),
        week=divergence(held.counts, total) if held and total else None,
        index=stability_index(held.counts, total) if held and total else None,
        highest=highest[0],
        highest_day=highest[1],
        unseen=sum(day.unseen.get(name, 0) for day in recent),
        alarms=sum(one.subject == name for one in alarms),
    )


def _times(held: Bins | None, counts: tuple[int, ...] | None) -> float | None:
    """Return a day's distance, in that which the reference's own days keep."""
    found = divergence(held.counts, counts) if held and counts else None
    return found / held.usual if held and found is not None else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _shown_version(counted: list[DayCounts]) -> str:
    """Return whose bins are drawn: who answers now, unless that began this week."""
    days = Counter(day.version for day in counted)
    last = counted[-1].version
    return last if days[last] >= _WEEK else days.most_common(1)[0][0]


def _first_week(version: str, counted: list[DayCounts]) -> dict[str, Bins]:
    """Stand in for a reference that is not kept: the first seven days that the version answered."""
    own = [day for day in counted if day.version == version][:_WEEK]
    return {
        name: make_bins(
            [day.bins[name] for day in own if len(day.bins.get(name, ())) == len(counts)],
            [f"bin {place}" for place in range(1, len(counts) + 1)],
        )
        for name, counts in merged(own).items()
    }
