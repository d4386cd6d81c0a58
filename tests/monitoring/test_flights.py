"""The long proofs on real flights: silent when days are shuffled, quick when something is shifted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import cast

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from lapwise import monitors
from lapwise.core.clock import format_time
from lapwise.core.observation import Alarm
from lapwise.core.prediction import Answered
from lapwise.monitoring import Counters, Monitor, Observer, Outcomes, Reference, make_reference
from lapwise.monitoring.bins import place
from lapwise.monitoring.incidents import Incidents
from lapwise.monitoring.outcomes import DayRead
from lapwise.monitoring.scores import DayRows
from lapwise.monitoring.window import Normal, Window
from tests.monitoring.flights import APRIL, CLASSES, DAY, TEST, flights, log

pytestmark = [pytest.mark.prove, pytest.mark.timeout(600)]

TWELVE_WEEKS = 84
DRIFT = (monitors.Drift(), monitors.PredictionDrift())
HARM = (monitors.Performance("roc_auc", drop=0.03), monitors.Calibration())
Counts = dict[str, NDArray[np.int64]]


def odds(factor: float) -> pl.Expr:
    return pl.col("score") * factor / (1 - pl.col("score") + pl.col("score") * factor)


# What is changed, in which column: by one standard deviation, or as pipelines break.
SHIFTS: dict[str, tuple[str, pl.Expr]] = {
    "hour + 1 std": ("hour", pl.col("hour") + pl.col("hour").std()),
    "distance + 1 std": ("distance", pl.col("distance") + pl.col("distance").std()),
    "plane_last_delay + 1 std": (
        "plane_last_delay",
        pl.col("plane_last_delay") + pl.col("plane_last_delay").std(),
    ),
    "plane_mean_delay + 1 std": (
        "plane_mean_delay",
        pl.col("plane_mean_delay") + pl.col("plane_mean_delay").std(),
    ),
    "route_late_6h + 1 std": (
        "route_late_6h",
        pl.col("route_late_6h") + pl.col("route_late_6h").std(),
    ),
    "pressure in inches": ("pressure", pl.col("pressure") * 0.02953),
    "plane_mean_delay in seconds": ("plane_mean_delay", pl.col("plane_mean_delay") * 60),
    "plane_last_delay missing": ("plane_last_delay", pl.lit(None, dtype=pl.Float64)),
    "carrier: UA and F9 swapped": ("carrier", pl.col("carrier").replace({"UA": "F9", "F9": "UA"})),
    "carrier: UA renamed": ("carrier", pl.col("carrier").replace({"UA": "United"})),
    "origin: LGA says EWR": ("origin", pl.col("origin").replace({"LGA": "EWR"})),
    "score halved": ("score", pl.col("score") / 2),
    "score squared": ("score", pl.col("score") ** 2),
    "score: odds times e": ("score", odds(float(np.e))),
}


# These come near to what days do by themselves, so a day or two more may be needed.
FAINT = {"plane_mean_delay + 1 std", "score halved"}


@cache
def winter() -> dict[int, pl.DataFrame]:
    """Return January to March by day, with scores of models that had not seen the day."""
    frame, _ = flights()
    before = frame.filter(pl.col("time") < APRIL).with_columns(score="cross")
    parts = before.partition_by("day", as_dict=True)
    return {int(key[0]): part for key, part in parts.items()}


def refer(frame: pl.DataFrame) -> Reference:
    return make_reference(
        frame,
        flights()[1],
        time="time",
        score="score",
        label="label",
        out_of_sample=frame["time"] >= TEST,
        classes=CLASSES,
    )


def tabulate(reference: Reference, frame: pl.DataFrame) -> Counts:
    return {
        one.bins.name: np.bincount(
            place(one.bins, frame[one.bins.name].to_list()), minlength=one.bins.size
        )
        for one in reference.counted
    }


class Tables:
    """Counters whose days are given."""

    def __init__(self, days: Sequence[Counts]) -> None:
        self.days = days

    def day(self, version: str, day: int) -> Counts:
        return self.days[day // DAY]


class Labels:
    """Outcomes whose days are given."""

    def __init__(self, days: Sequence[DayRows]) -> None:
        self.days = days

    def read(self, day: int, version: str, as_of: int) -> DayRead:
        return DayRead(len(self.days[day // DAY].label), self.days[day // DAY])


def watch(
    normal: Normal, watched: Iterable[Monitor], days: Sequence[Counts] | Sequence[DayRows]
) -> list[Alarm]:
    """Judge days one by one as an observer does; the first is 1 January 1970."""
    incidents = Incidents("flights")
    found: list[Alarm] = []
    counters, outcomes = cast("Counters", Tables(days)), cast("Outcomes", Labels(days))  # type: ignore[arg-type]
    for count in range(1, len(days) + 1):
        whole = [day * DAY for day in range(max(count - 40, 0), count)]
        window = Window("v1", normal, count * DAY, whole, counters, outcomes)
        for monitor in watched:
            found.extend(incidents.settle(monitor, monitor.judge(window), window))
    return found


def shown(counts: Iterable[int]) -> str:
    return ", ".join(
        f"{alarms} alarms: {times}" for alarms, times in sorted(Counter(counts).items())
    )


def test_shuffled_january_to_march_raises_at_most_one_alarm_in_twelve_weeks() -> None:
    random = np.random.default_rng(1)
    days = winter()
    reference = refer(pl.concat(days.values()))
    normal = Normal(reference)
    counts = {day: tabulate(reference, frame) for day, frame in days.items()}
    raised = []
    for _ in range(60):
        order = random.permutation(list(days))[:TWELVE_WEEKS]
        raised.append(len(watch(normal, DRIFT, [counts[day] for day in order])))
    print(f"\n60 shuffles, twelve weeks each: {shown(raised)}")
    assert max(raised) <= 1


def test_days_that_the_reference_has_not_seen_are_as_quiet() -> None:
    """The harder question: sixty shuffled days are the reference, the other thirty come."""
    random = np.random.default_rng(2)
    days = winter()
    raised = []
    for _ in range(30):
        order = random.permutation(list(days))
        seen = [
            days[day].with_columns(time=at * DAY + pl.col("time") % DAY)
            for at, day in enumerate(order[:60])
        ]
        reference = refer(pl.concat(seen))
        counts = [tabulate(reference, days[day]) for day in order[60:]]
        raised.append(len(watch(Normal(reference), DRIFT, counts)))
    weeks = 30 * 30 / 7
    print(
        f"\n30 splits, thirty days each: {shown(raised)}; {12 * sum(raised) / weeks:.2f} in twelve weeks"
    )
    assert 12 * sum(raised) / weeks <= 1


def test_harm_is_not_seen_where_there_is_none() -> None:
    random = np.random.default_rng(3)
    days = winter()
    normal = Normal(refer(pl.concat(days.values())))
    rows = {
        day: DayRows(known["score"].to_numpy(), known["label"].cast(pl.Float64).to_numpy())
        for day, frame in days.items()
        for known in [frame.filter(pl.col("label").is_not_null())]
    }
    raised = []
    for _ in range(60):
        order = random.permutation(list(days))[:TWELVE_WEEKS]
        raised.append(len(watch(normal, HARM, [rows[day] for day in order])))
    print(f"\n60 shuffles, twelve weeks each: {shown(raised)}")
    assert np.mean(raised) <= 0.2


def test_an_injected_shift_is_found_within_two_days() -> None:
    """Beside two that need no data: always alarm, and never alarm."""
    random = np.random.default_rng(4)
    days = winter()
    whole = pl.concat(days.values())
    reference = refer(whole)
    normal = Normal(reference)
    counts = {day: tabulate(reference, frame) for day, frame in days.items()}
    late = []
    print(f"\n{'shift':30} {'days to alarm, 5 shuffles':28} {'other alarms':>12}")
    print(f"{'(always alarm)':30} {'1 1 1 1 1':28} {5 * 40:12}")
    print(f"{'(never alarm)':30} {'- - - - -':28} {0:12}")
    for name, (column, change) in SHIFTS.items():
        shifted = whole.with_columns(change.alias(column)).partition_by("day", as_dict=True)
        broken = {int(key[0]): tabulate(reference, part) for key, part in shifted.items()}
        delays, others = [], 0
        for _ in range(5):
            order = random.permutation(list(days))[:45]
            tables = [counts[day] for day in order[:40]] + [broken[day] for day in order[40:]]
            found = watch(normal, DRIFT, tables)
            hits = [
                one.at // DAY - 40 for one in found if one.at > 40 * DAY and one.subject == column
            ]
            delays.append(min(hits, default=None))
            others += len(found) - len(hits)
        print(f"{name:30} {' '.join(str(delay or '-') for delay in delays):28} {others:12}")
        late += [name] * sum(delay is None or delay > 2 for delay in delays)
    assert set(late) <= FAINT
    assert len(late) <= 2 * len(FAINT)


def test_april_s_miscalibration_is_harm_and_is_found_within_weeks() -> None:
    """From 8 April on more flights are late than the first model expects (.279 against .204)."""
    frame, names = flights()
    reference = refer(frame.filter(pl.col("time") < APRIL))
    entries = log(frame.filter(pl.col("time") >= APRIL), names)
    observer = Observer("flights", (*DRIFT, *HARM), lambda _version: reference)
    found: list[Alarm] = []
    place_in_log, rows = 0, 0
    for now in range(APRIL, APRIL + 31 * DAY, DAY // 24):
        while place_in_log < len(entries) and entries[place_in_log].at < now:
            observer.add(entries[place_in_log])
            place_in_log += 1
        tick = observer.tick(now)
        found += tick.alarms
        rows += sum(hour.rows for hour in tick.hours)
    print("", *(f"{format_time(one.at)[:10]} {one.sentence}" for one in found), sep="\n")
    answered = [entry for entry in entries if isinstance(entry, Answered)]
    assert rows == sum(len(entry.rows) for entry in answered)
    harm = [one for one in found if one.kind == "harm"]
    assert [one.subject for one in harm] == ["observed_to_expected"]
    assert APRIL + 14 * DAY < harm[0].at <= APRIL + 26 * DAY
    assert len(found) - len(harm) <= 2
    again = Observer("flights", (*DRIFT, *HARM), lambda _version: reference)
    for entry in entries:
        again.add(entry)
    assert list(again.tick(APRIL + 31 * DAY).alarms) == found
