"""Events are written in the transaction of what they tell of, numbered in the order of commits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from typing import get_args

import msgspec
import pytest

from lapwise.core.access import EventKind
from lapwise.core.errors import ConflictError
from lapwise.core.lap import LapState
from lapwise.store.model import Store
from tests.store import making
from tests.store.conftest import Place


def kinds(store: Store) -> list[tuple[str, str]]:
    return [(one.kind, one.product) for one in store.events.list()]


def test_a_lap_tells_each_end_once(store: Store) -> None:
    """Running tells nothing; the same state again tells nothing new."""
    lap = store.laps.create(making.lap("churn"))
    states: tuple[LapState, ...] = ("running", "waiting", "waiting", "approved", "waiting")
    for state in states:
        store.laps.update(msgspec.structs.replace(lap, state=state, version="v-id"))
    found = store.events.list()
    assert [json.loads(one.body)["state"] for one in found] == ["waiting", "approved"]
    assert [one.number for one in found] == [1, 2]
    assert len({one.id for one in found}) == 2
    assert json.loads(found[0].body) == {
        "lap": lap.id, "loop": "churn", "number": 1, "state": "waiting", "trigger": "manual",
        "seconds": 0.0, "run": None, "version": "v-id",
    }  # fmt: skip
    assert found[0].product == "churn"


def test_a_lap_that_is_made_ended_tells_it(store: Store) -> None:
    """As one that never ran."""
    lap = msgspec.structs.replace(making.lap(), state="failed", error="password=hunter2")
    store.laps.create(lap)
    store.laps.create(lap)
    assert kinds(store) == [("lap.ended", "flight-delay")]
    assert "hunter2" not in store.events.list()[0].body


def test_a_promotion_tells_who_and_from_where(store: Store) -> None:
    """Only what comes to production, each time it does."""
    version = store.models.add(making.version(run_id="r"), making.act())
    store.models.move([making.move(version, "none", "staging")], making.act("stage"))
    assert kinds(store) == []
    for source in ("staging", "archived"):
        store.models.move([making.move(version, source, "production")], making.act("promote"))
        store.models.move([making.move(version, "production", "production")], making.act("again"))
        store.models.move([making.move(version, "production", "archived")], making.act("archive"))
    found = store.events.list(kind="version.promoted")
    assert [json.loads(one.body)["from"] for one in found] == ["staging", "archived"]
    assert json.loads(found[0].body) == {
        "version": version.id, "model": "flight-delay", "number": 1, "from": "staging",
        "by": "ada", "run": "r",
    }  # fmt: skip


def test_a_move_that_is_refused_tells_nothing(store: Store) -> None:
    one, two = (store.models.add(making.version(content=text), making.act()) for text in "ab")
    moves = [making.move(one, "none", "production"), making.move(two, "staging", "production")]
    with pytest.raises(ConflictError):
        store.models.move(moves, making.act("promote"))
    assert store.events.list() == []


def test_an_alarm_is_told_once(store: Store) -> None:
    alarm = store.alarms.add(making.alarm("churn"))
    store.alarms.add(alarm)
    (found,) = store.events.list()
    body = json.loads(found.body)
    assert (found.kind, found.product, body["subject"]) == ("alarm.raised", "churn", "distance")
    assert (body["measured"], body["limit"]) == (0.4, 0.2)
    assert "sentence" not in body


def test_an_event_without_a_number_is_still_json(store: Store) -> None:
    """NaN is null there."""
    store.alarms.add(msgspec.structs.replace(making.alarm(), measured=float("nan")))
    assert json.loads(store.events.list()[0].body)["measured"] is None


def test_events_are_listed_from_a_number_on(store: Store) -> None:
    for number in range(5):
        store.alarms.add(making.alarm(at=number))
    store.laps.create(msgspec.structs.replace(making.lap(), state="refused"))
    assert [one.number for one in store.events.list(after=2, limit=2)] == [3, 4]
    assert [one.number for one in store.events.list(kind="lap.ended")] == [6]
    assert set(get_args(EventKind)) == {"lap.ended", "version.promoted", "alarm.raised"}


def test_who_follows_misses_none(place: Place) -> None:
    """Several writers at once: no number appears after a higher one was seen."""
    with place.open() as store:
        writers = [
            threading.Thread(
                target=lambda name: [store.alarms.add(making.alarm(name)) for _ in range(15)],
                args=[f"p{number}"],
            )
            for number in range(4)
        ]
        for writer in writers:
            writer.start()
        seen: list[int] = []
        while len(seen) < 60:
            found = store.events.list(after=seen[-1] if seen else 0)
            seen += [one.number for one in found]
        for writer in writers:
            writer.join()
    assert seen == list(range(1, 61))


KILLED = """
import sys
import msgspec
from tests.store import making
from lapwise.store.open import open_store
with open_store(sys.argv[1], sys.argv[2]) as store:
    lap = store.laps.create(making.lap())
    store.laps.update(msgspec.structs.replace(lap, state="refused"))
"""


@pytest.mark.parametrize("point", ["row:after:2", "commit:before:2", "commit:after:2"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_an_end_and_its_event_are_kept_together(
    request: pytest.FixtureRequest, database: str, point: str
) -> None:
    """Killed before the commit neither is there, after it both are."""
    place: Place = request.getfixturevalue(f"{database}_place")
    place.open().close()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, place.url, place.blobs],
        env={**os.environ, "LAPWISE_KILL_AT": point}, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL
    with place.open() as store:
        (lap,) = store.laps.list()
        ended = point.startswith("commit:after")
        assert lap.state == ("refused" if ended else "running")
        assert len(store.events.list()) == ended
