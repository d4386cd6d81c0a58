"""What was counted in the year: hours on frozen bins, days, alarms."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from lapwise.core.clock import parse_time
from lapwise.core.ids import new_id
from lapwise.core.model import (
    Metric,
    ModelVersion,
)
from lapwise.core.observation import Alarm, DayPerformance, HourCounts
from lapwise.monitoring import Bins, Counted, Reference
from lapwise.store.model import Store

MODEL = "flight-delay"
HOUR = 3_600_000_000
DAY = 24 * HOUR
FIRST = parse_time("2013-04-01")
END = parse_time("2013-12-31")
HOSTILE = "</script><img src=x onerror=alert(1)>"

FEATURES = {
    "carrier": Bins(name="carrier", kind="text", categories=("UA", "B6", "EV", "DL", "AA", "MQ")),
    "origin": Bins(name="origin", kind="text", categories=("EWR", "JFK", "LGA")),
    "distance": Bins(name="distance", kind="number", edges=(80, 500, 750, 1000, 1400, 2500)),
    "hour": Bins(name="hour", kind="number", edges=(5, 8, 11, 14, 17, 20, 23)),
    "plane_last_delay": Bins(
        name="plane_last_delay", kind="number", edges=(-60, -15, -5, 0, 10, 30, 120)
    ),
    "wind_speed": Bins(name="wind_speed", kind="number", edges=(0, 5, 9, 13, 18, 30)),
    "visib": Bins(name="visib", kind="number", edges=(0, 4, 8, 9.9, 10.1)),
    "score": Bins(name="score", kind="number", edges=(0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)),
}


def make_reference(version: ModelVersion) -> Reference:
    chance = random.Random(version.number)
    counted = {
        name: Counted(
            bins=bins,
            blocks=tuple(range(0, 20 * DAY, DAY)),
            counts=tuple(_draw(chance, bins, 750, 0.0) for _ in range(20)),
        )
        for name, bins in FEATURES.items()
    }
    score = counted.pop("score")
    return Reference(features=tuple(counted.values()), score=score, version=version.id)


def observe(store: Store, versions: Sequence[ModelVersion]) -> None:
    chance = random.Random(7)
    serving = [
        one for one in versions if store.models.get(one.id).stage in ("production", "archived")
    ]
    store.observations.save(_hours(chance, serving), list(_days(chance)))


def _hours(chance: random.Random, serving: Sequence[ModelVersion]) -> list[HourCounts]:
    found = []
    for day in range(FIRST, END, DAY):
        version = next(
            one
            for one in reversed(serving)
            if one.created + (4 * DAY if one is not serving[0] else -DAY) <= day
        )
        for hour in range(9, 24):
            rows = chance.randint(30, 70)
            shift = 0.1 * max(0.0, math.sin((day - FIRST) / (180 * DAY) * math.pi))
            found.append(
                HourCounts(
                    model=MODEL,
                    version=version.id,
                    hour=day + hour * HOUR,
                    rows=rows,
                    bins={
                        name: _draw(
                            chance,
                            bins,
                            rows,
                            shift if name in ("visib", "plane_last_delay", "score") else 0.0,
                        )
                        for name, bins in FEATURES.items()
                    },
                    unseen={"carrier": 1} if chance.random() < 0.02 else {},
                )
            )
    return found


def _draw(chance: random.Random, bins: Bins, rows: int, shift: float) -> tuple[int, ...]:
    """Return counts of rows whose bins lean upward with the shift."""
    weights = [
        0.2,
        *(
            math.exp(-0.5 * ((place / bins.size - 0.45 - shift) / 0.22) ** 2)
            for place in range(1, bins.size)
        ),
    ]
    drawn = chance.choices(range(bins.size), weights, k=rows)
    return tuple(drawn.count(place) for place in range(bins.size))


def _days(chance: random.Random) -> Iterator[DayPerformance]:
    for day in range(FIRST, END, DAY):
        season = math.sin((day - FIRST) / (90 * DAY) * math.pi)
        base = min(max(0.22 + 0.07 * season + chance.gauss(0, 0.035), 0.05), 0.6)
        auc = 0.735 + 0.012 * season + chance.gauss(0, 0.022)
        rows = chance.randint(640, 960)
        yield DayPerformance(
            model=MODEL,
            day=day,
            rows=rows,
            labelled=rows - chance.randint(5, 40),
            base_rate=base,
            mean_score=0.215 + 0.04 * season + chance.gauss(0, 0.008),
            metrics=(
                Metric(name="roc_auc", value=auc),
                Metric(name="log_loss", value=1.02 - 0.75 * auc + 0.4 * (base - 0.22)),
                Metric(name="skill", value=0.11 + chance.gauss(0, 0.03)),
            ),
        )


def raise_alarms(store: Store, versions: Sequence[ModelVersion]) -> None:
    for at, kind, subject, sentence in (
        (
            "2013-04-19",
            "drift",
            "visib",
            "visib moved: distance 0.19, days like the reference stay under 0.11.",
        ),
        (
            "2013-06-27",
            "harm",
            "log_loss",
            "Log loss is worse than on unseen rows: skill 0.04, it was 0.12 ± 0.02.",
        ),
        ("2013-07-10", "drift", "score", "Scores moved up: mean 0.29, it was 0.21."),
        ("2013-09-04", "drift", "carrier", f"New carriers: {HOSTILE}"),
        (
            "2013-12-23",
            "harm",
            "calibration",
            "30 % were late where 22 % were predicted, seven days long.",
        ),
    ):
        moment = parse_time(at)
        store.alarms.add(
            Alarm(
                id=new_id(), model=MODEL, monitor="Drift()" if kind == "drift" else "Performance(roc_auc, drop=0.03)",
                kind="drift" if kind == "drift" else "harm", subject=subject, version=versions[0].id,
                since=moment - 2 * DAY, at=moment, sentence=sentence, measured=0.19, limit=0.11, p=0.0004,
            )
        )  # fmt: skip
