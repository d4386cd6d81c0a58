from typing import Any

import pytest

from lapwise import triggers
from lapwise.core.clock import parse_time
from lapwise.core.errors import DeclarationError
from lapwise.core.observation import Alarm
from lapwise.monitoring import TriggerState, pull

NOW = parse_time("2013-04-20")


def state(**given: Any) -> TriggerState:
    return TriggerState(**{"now": NOW, "last_lap": parse_time("2013-04-01"), **given})


def alarm(at: str, kind: Any = "harm", version: str = "v1") -> Alarm:
    return Alarm(
        id=f"{kind}-{at}",
        model="m",
        monitor="calibration",
        kind=kind,
        subject="observed_to_expected",
        version=version,
        since=0,
        at=parse_time(at),
        sentence=f"{kind} on {at}",
    )


def test_code_asks_for_a_lap_when_it_changed() -> None:
    assert triggers.Code().reason(state()) is None
    found = triggers.Code().reason(state(code_changed=True))
    assert found is not None
    assert found.kind == "code"


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        ("2013-04-01T00:00", "2013-04-01T02:59:59", None),
        ("2013-04-01T00:00", "2013-04-01T03:00", "2013-04-01T03:00:00Z"),
        ("2013-04-01T03:00", "2013-04-30", None),
        ("2013-04-15", "2013-05-01T03:00:01", "2013-05-01T03:00:00Z"),
        ("2013-01-15", "2013-05-20", "2013-05-01T03:00:00Z"),
    ],
)
def test_a_schedule_asks_once_for_each_time_of_the_world(
    last: str, now: str, due: str | None
) -> None:
    found = triggers.Schedule("0 3 1 * *").reason(
        state(last_lap=parse_time(last), now=parse_time(now))
    )
    assert (found.reason if found else None) == (f"'0 3 1 * *' was due at {due}" if due else None)


def test_the_first_lap_is_not_the_calendar_s() -> None:
    assert triggers.Schedule("* * * * *").reason(state(last_lap=None)) is None


@pytest.mark.parametrize("cron", ["", "0 3 1 *", "0 3 1 * * *", "every day at 3 am;"])
def test_what_is_no_schedule_is_refused_on_the_page(cron: str) -> None:
    with pytest.raises(DeclarationError, match="five fields"):
        triggers.Schedule(cron)


def test_what_only_cron_can_tell_is_refused_when_it_is_read() -> None:
    with pytest.raises(DeclarationError, match="61"):
        triggers.Schedule("61 3 1 * *").reason(state())


def test_harm_starts_a_lap_and_drift_only_where_asked() -> None:
    harm, drift = alarm("2013-04-10"), alarm("2013-04-11", "drift")
    found = triggers.OnAlarm().reason(state(alarms=(drift, harm)))
    assert found is not None
    assert (found.kind, found.reason) == ("alarm", "harm on 2013-04-10")
    assert triggers.OnAlarm().reason(state(alarms=(drift,))) is None
    assert triggers.OnAlarm(kind="drift").reason(state(alarms=(drift,))) is not None
    assert triggers.OnAlarm(kind="any").reason(state(alarms=(drift,))) is not None


def test_an_alarm_counts_once_and_waits_for_the_cooldown() -> None:
    on_alarm = triggers.OnAlarm(cooldown="7d")
    old, new = alarm("2013-04-01"), alarm("2013-04-18")
    assert on_alarm.reason(state(alarms=(old,))) is None
    assert on_alarm.reason(state(alarms=(new,), last_lap=parse_time("2013-04-14"))) is None
    assert on_alarm.reason(state(alarms=(new,), last_lap=parse_time("2013-04-13"))) is not None
    assert on_alarm.reason(state(alarms=(new,), last_lap=None)) is not None
    assert on_alarm.reason(state(alarms=(alarm("2013-04-21"),))) is None


def test_an_alarm_of_a_version_that_is_gone_is_history() -> None:
    heard = state(alarms=(alarm("2013-04-18", version="v1"),), production="v2")
    assert triggers.OnAlarm().reason(heard) is None


def test_an_open_rollout_is_let_finish() -> None:
    every = (triggers.Code(), triggers.Schedule("* * * * *"), triggers.OnAlarm())
    busy: dict[str, Any] = {"code_changed": True, "alarms": (alarm("2013-04-18"),)}
    assert pull(every, state(rollout_open=True, **busy)) is None
    first = pull(every, state(**busy))
    assert first is not None
    assert first.kind == "code"
    assert pull([], state(**busy)) is None


def test_unknown_kinds_and_durations_are_refused() -> None:
    with pytest.raises(DeclarationError, match="kind"):
        triggers.OnAlarm(kind="loud")  # type: ignore[arg-type]
    with pytest.raises(DeclarationError, match="duration"):
        triggers.OnAlarm(cooldown="a week")
