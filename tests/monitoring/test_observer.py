from collections.abc import Iterable, Sequence

import msgspec
import polars as pl
import pytest

from lapwise import monitors
from lapwise.core.observation import Alarm
from lapwise.core.prediction import Answered, Fused, LogEntry
from lapwise.monitoring import Monitor, Observer, Reference, Tick, make_reference
from tests.monitoring.worlds import (
    CLASSES,
    DAY,
    FEATURES,
    HOUR,
    START,
    days,
    hours,
    log,
    reference,
)

WATCHED = (
    monitors.Drift(),
    monitors.PredictionDrift(),
    monitors.Performance("roc_auc"),
    monitors.Calibration(),
)


def observe(
    entries: Sequence[LogEntry],
    ticks: Iterable[int],
    *,
    ahead: bool = False,
    watched: Sequence[Monitor] = WATCHED,
    second: Reference | None = None,
) -> tuple[list[Tick], Observer]:
    """Add entries as their time comes (or all ahead of the first tick), and tick."""
    known = {"v1": reference(), "v2": second}
    observer = Observer("m", watched, known.get)
    found, place = [], 0
    for now in ticks:
        while place < len(entries) and (ahead or entries[place].at < now):
            observer.add(entries[place])
            place += 1
        found.append(observer.tick(now))
    return found, observer


def alarms(found: list[Tick]) -> list[Alarm]:
    return [alarm for tick in found for alarm in tick.alarms]


def bad_world() -> list[LogEntry]:
    """Twenty calm days, then sizes in another unit and far more events than expected."""
    calm = days(20, seed=2)
    bad = days(20, seed=3, first=20, more=1.6).with_columns(size=pl.col("size") * 2)
    return log(pl.concat([calm, bad]))


def test_a_calm_world_is_silent() -> None:
    entries = log(days(84, seed=4))
    found, _ = observe(entries, hours(entries))
    assert len(alarms(found)) <= 1


def test_drift_and_harm_are_found_told_apart_and_raised_once() -> None:
    entries = bad_world()
    drift, harm = alarms(observe(entries, hours(entries))[0])
    changed = START + 20 * DAY
    assert (drift.kind, drift.monitor, drift.subject) == ("drift", "drift", "size")
    assert (drift.at, drift.since) == (changed + 2 * DAY, changed)
    assert drift.measured is not None
    assert drift.limit is not None
    assert drift.measured > drift.limit
    assert (harm.kind, harm.monitor, harm.version) == ("harm", "calibration", "v1")
    assert changed < harm.at <= changed + 14 * DAY
    assert harm.sentence.startswith("Harm: ")


def test_ticks_and_restarts_do_not_change_what_is_raised() -> None:
    entries = bad_world()
    end = entries[-1].at + 2 * DAY
    hourly, _ = observe(entries, hours(entries))
    daily, _ = observe(entries, range(START + DAY, end, DAY))
    restarted, _ = observe(entries, range(START + DAY, end, DAY), ahead=True)
    once, _ = observe(entries, [end], ahead=True)
    assert alarms(hourly) == alarms(daily) == alarms(restarted) == alarms(once) != []


def test_what_is_told_adds_up_however_ticks_fall() -> None:
    entries = log(days(4))
    end = entries[-1].at + 2 * DAY
    every, _ = observe(entries, hours(entries))
    partial = Observer("m", (), lambda _version: reference())
    told = []
    for entry in entries:
        partial.add(entry)
        told.append(partial.tick(entry.at + 1, partial=True))
    told.append(partial.tick(end))
    for ticks in (every, told):
        counted = {hour.hour: hour for tick in ticks for hour in tick.hours}
        judged = {day.day: day for tick in ticks for day in tick.days}
        assert sum(hour.rows for hour in counted.values()) == 1_200
        assert [day.labelled for day in judged.values()] == [300] * 4
    assert {h.hour: h for t in every for h in t.hours} == {h.hour: h for t in told for h in t.hours}


def test_between_midnights_nothing_is_said_unless_asked() -> None:
    entries = log(days(1))
    observer = Observer("m", WATCHED, lambda _version: reference())
    for entry in entries:
        observer.add(entry)
    assert observer.tick(START + 5 * HOUR) == Tick()
    found = observer.tick(START + 5 * HOUR, partial=True)
    assert [hour.hour for hour in found.hours] == [START + place * HOUR for place in range(5)]


def test_requests_count_once_and_shadows_and_fuses_do_not_count() -> None:
    entries = log(days(2))
    extra = [
        *(entry for entry in entries if isinstance(entry, Answered)),
        *log(days(2, seed=9), version="v2", arm="shadow")[:1],
        Fused(at=START, version="v2", revision=1, reason="crash"),
    ]
    end = [START + 4 * DAY]
    assert observe([*entries, *extra], end, ahead=True)[0] == observe(entries, end, ahead=True)[0]


def test_a_takeover_starts_anew_with_the_new_version_s_reference() -> None:
    """Sizes doubled on day 20; on day 26 a version that was made on such days takes over at noon."""

    def doubled(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.with_columns(size=pl.col("size") * 2)

    made_on = doubled(days(60, seed=11, first=-60))
    second = make_reference(
        made_on,
        FEATURES,
        time="time",
        score="score",
        label="label",
        out_of_sample=made_on["time"] >= START - 20 * DAY,
        classes=CLASSES,
    )
    noon = START + 26 * DAY + 12 * HOUR
    world = pl.concat([days(20, seed=12), doubled(days(40, seed=13, first=20))])
    entries = sorted(
        [
            *log(world.filter(pl.col("time") < noon)),
            *log(world.filter(pl.col("time") >= noon), version="v2"),
        ],
        key=lambda entry: entry.at,
    )
    found, observer = observe(entries, hours(entries), second=second)
    assert [(one.version, one.subject) for one in alarms(found)] == [("v1", "size")]
    version, whole = observer._tenure(START + 30 * DAY)
    assert (version, whole[0]) == ("v2", START + 27 * DAY)


def test_a_canary_beside_it_does_not_end_a_tenure() -> None:
    entries = log(days(20, seed=2))
    canary = [
        msgspec.structs.replace(entry, request=f"c{entry.at}")
        for entry in log(days(20, seed=6), version="v2", arm="canary")
        if isinstance(entry, Answered)
    ]
    both = sorted([*entries, *canary], key=lambda entry: entry.at)
    _, observer = observe(both, hours(both))
    assert observer._tenure(START + 20 * DAY) == ("v1", [START + day * DAY for day in range(20)])


def test_a_version_without_a_reference_is_counted_and_not_judged() -> None:
    entries = log(days(6), version="v2")
    found, _ = observe(entries, hours(entries))
    assert sum(hour.rows for tick in found for hour in tick.hours) == 1_800
    assert alarms(found) == []


def test_memory_is_bounded_by_the_horizon() -> None:
    entries = log(days(60, rows=48))
    observer = Observer("m", (), lambda _version: reference(), horizon=10 * DAY)
    for entry in entries:
        observer.add(entry)
        observer.tick(entry.at)
    assert len(observer._requests) <= 11 * 24
    assert len(observer.outcomes.days()) <= 11
    assert len(observer.counters._hours) <= 11 * 24
    observer.add(entries[0])
    assert START not in observer.outcomes.days()


@pytest.mark.parametrize("window", ["60d", "14d"])
def test_monitors_that_look_far_back_are_remembered_far_back(window: str) -> None:
    observer = Observer("m", (monitors.Calibration(window=window),), lambda _version: None)
    assert observer._horizon >= 40 * DAY
    assert observer._horizon >= (62 * DAY if window == "60d" else 0)


def test_an_empty_log_is_quiet() -> None:
    assert Observer("m", WATCHED, lambda _version: None).tick(START) == Tick()
