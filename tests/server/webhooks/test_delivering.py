"""Events reach whoever asked for them, at least once, whoever is killed, and slow ones alone are slow."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import msgspec
import pytest
from sqlalchemy import text

from lapwise.core.access import Webhook
from lapwise.server.webhooks import Deliverer, Pace, new_secret
from lapwise.store.database import connect
from lapwise.store.model import Store
from tests.server.webhooks.conftest import ROOT, Received, ended, until
from tests.store import making
from tests.store.conftest import Place

QUICK = Pace(look=0.05, answer=1.0, first=0.05, longest=0.1, tries=4, lease=3.0)
HERE = frozenset({"127.0.0.1"})


@contextmanager
def delivering(place: Place, allowed: frozenset[str] = HERE, pace: Pace = QUICK) -> Iterator[None]:
    deliverer = Deliverer(place.open, allowed, pace)
    deliverer.start()
    try:
        yield
    finally:
        deliverer.stop()


def hook(store: Store, url: str, **given: object) -> Webhook:
    return store.webhooks.add(making.webhook(url, **given), new_secret(), "ada")


def states(store: Store, webhook: Webhook) -> Counter[str]:
    return Counter(one.state for one in store.webhooks.deliveries(webhook.id))


def process(place: Place) -> subprocess.Popen[bytes]:
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.server.webhooks.deliverer", place.url, place.blobs,
         "127.0.0.1"],
        stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert started.stdout is not None
    started.stdout.readline()
    return started


def test_events_arrive_signed_and_once(place: Place, receiver: Received) -> None:
    """Each kind; the receiver can check them by the secret alone."""
    with place.open() as store, delivering(place):
        mine = hook(store, receiver.url("ok"))
        lap = store.laps.create(making.lap("churn"))
        store.laps.update(msgspec.structs.replace(lap, state="waiting"))
        version = store.models.add(making.version("churn"), making.act())
        store.models.move([making.move(version, "none", "production")], making.act("promote"))
        store.alarms.add(making.alarm("churn"))
        notes = receiver.wait(3)
        until(lambda: states(store, mine) == {"delivered": 3})
        key = base64.b64decode(store.webhooks.secret(mine.id).removeprefix("whsec_"))
        events = store.events.list()
    assert len(receiver.notes()) == 3
    for note, event in zip(notes, events, strict=True):
        headers = {name.lower(): value for name, value in note["headers"].items()}
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{note['body']}".encode()
        right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{right}"
        assert headers["webhook-id"] == event.id
        said = json.loads(note["body"])
        assert (said["type"], said["product"]) == (event.kind, "churn")
        assert said["data"] == json.loads(event.body)
    assert {json.loads(note["body"])["type"] for note in notes} == {
        "lap.ended", "version.promoted", "alarm.raised",
    }  # fmt: skip


def test_a_failure_is_tried_again_and_given_up_in_the_end(place: Place, receiver: Received) -> None:
    """With the same id and the same bytes; one that is gone is given up at once."""
    with place.open() as store:
        flaky, bad, gone = (
            hook(store, receiver.url(path)) for path in ("flaky", "fail", "gone")
        )  # fmt: skip
        store.alarms.add(making.alarm())
        with delivering(place):
            until(lambda: states(store, flaky) == {"delivered": 1})
            until(lambda: states(store, bad) == {"given_up": 1})
            until(lambda: states(store, gone) == {"given_up": 1})
        tries = {one.id: store.webhooks.deliveries(one.id)[0] for one in (flaky, bad, gone)}
    assert tries[gone.id].attempts == 1
    assert (tries[bad.id].attempts, tries[bad.id].answer) == (QUICK.tries, "500")
    assert len({(note["body"], note["headers"]["webhook-id"]) for note in receiver.notes()}) == 1


def test_a_slow_receiver_keeps_nobody_waiting(sqlite_place: Place, receiver: Received) -> None:
    with sqlite_place.open() as store:
        slow = hook(store, receiver.url("hang"))
        quick = hook(store, receiver.url("ok"))
        for _ in range(20):
            store.alarms.add(making.alarm())
        with delivering(sqlite_place, pace=paced(answer=30.0)):
            until(lambda: states(store, quick) == {"delivered": 20})
            assert states(store, slow) == {"waiting": 20}


def paced(**given: float) -> Pace:
    return replace(QUICK, **given)  # type: ignore[arg-type]


def test_what_leads_inside_is_recorded_and_not_sent(
    sqlite_place: Place, receiver: Received
) -> None:
    """Its state says why; the receiver saw nothing, not even by a redirect."""
    with sqlite_place.open() as store:
        inside = hook(store, receiver.url("ok", "localhost"))
        around = hook(store, receiver.url("redirect"))
        store.alarms.add(making.alarm())
        with delivering(sqlite_place):
            until(lambda: states(store, inside) == {"given_up": 1})
            until(lambda: states(store, around) == {"given_up": 1})
        assert store.webhooks.deliveries(inside.id)[0].answer.startswith("refused")
    assert {note["path"] for note in receiver.notes()} == {"/redirect"}


def test_what_was_removed_gets_nothing_more(sqlite_place: Place, receiver: Received) -> None:
    """Not even what waited."""
    with sqlite_place.open() as store, delivering(sqlite_place):
        mine = hook(store, receiver.url("ok"))
        store.alarms.add(making.alarm())
        receiver.wait(1)
        store.webhooks.remove(mine.id, 9, "ada")
        store.alarms.add(making.alarm())
        other = hook(store, receiver.url("ok/other"))
        store.alarms.add(making.alarm())
        until(lambda: states(store, other) == {"delivered": 1})
    assert len(receiver.notes()) == 2


def test_killed_between_sending_and_recording_it_is_sent_again(
    place: Place, receiver: Received
) -> None:
    """By whoever is next, under the same id, so that the receiver counts it once."""
    with place.open() as store:
        mine = hook(store, receiver.url("hang"))
        store.alarms.add(making.alarm())
        for round_ in range(1, 3):
            running = process(place)
            receiver.wait(round_)  # it has arrived, and no answer was recorded
            ended(running)
            assert running.returncode == -signal.SIGKILL
        assert store.webhooks.deliveries(mine.id)[0].attempts == 0
        assert len({note["headers"]["webhook-id"] for note in receiver.notes()}) == 1


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_killed_at_random_nothing_is_lost(place: Place, receiver: Received) -> None:
    """Deliverers are killed while events come: each arrives, and is delivered in the end."""
    with place.open() as store:
        mine = hook(store, receiver.url("ok"))
        for round_ in range(12):
            running = process(place)
            for _ in range(10):
                store.alarms.add(making.alarm())
            until(lambda told=round_ * 10 + round_: len(receiver.notes()) > told, 30)  # type: ignore[misc]
            ended(running)
        with delivering(place):
            until(lambda: len(store.webhooks.due(1 << 60)) == 0, 60)
        assert Counter(one.state for one in store.webhooks.deliveries(mine.id, limit=999)) == {
            "delivered": 120
        }
        ids = {one.id for one in store.events.list(limit=999)}
    notes = receiver.notes()
    assert {note["headers"]["webhook-id"] for note in notes} == ids
    print(f"{len(notes) - len(ids)} of {len(ids)} came twice, after 12 kills")


def test_removing_ends_it_amid_a_batch(sqlite_place: Place, receiver: Received) -> None:
    with sqlite_place.open() as store, delivering(sqlite_place, pace=paced(answer=0.3)):
        mine = hook(store, receiver.url("hang"))
        for _ in range(30):
            store.alarms.add(making.alarm())
        receiver.wait(1)
        store.webhooks.remove(mine.id, 9, "ada")
        time.sleep(1.0)
    assert len(receiver.notes()) <= 3


def test_a_webhook_that_cannot_be_signed_stops_no_other(
    sqlite_place: Place, receiver: Received
) -> None:
    """As one that somebody wrote into the database."""
    with sqlite_place.open() as store:
        bad, good = hook(store, receiver.url("ok/bad")), hook(store, receiver.url("ok/good"))
        database = connect(sqlite_place.url)
        with database.write() as connection:
            broken = "UPDATE webhook SET secret = 'whsec_a' WHERE id = :id"
            connection.execute(text(broken), {"id": bad.id})
        database.close()
        store.alarms.add(making.alarm())
        with delivering(sqlite_place):
            until(lambda: states(store, good) == {"delivered": 1})
            until(lambda: states(store, bad) == {"given_up": 1})


def test_one_process_delivers_at_a_time(place: Place, receiver: Received) -> None:
    """Of three each event comes once; when the one that does it dies, another goes on."""
    with place.open() as store:
        running = [process(place) for _ in range(3)]
        try:
            mine = hook(store, receiver.url("ok"))
            for _ in range(10):
                store.alarms.add(making.alarm())
            until(lambda: states(store, mine) == {"delivered": 10})
            assert len(receiver.notes()) == 10
            for one in running[:2]:  # whichever it was, perhaps
                ended(one)
            store.alarms.add(making.alarm())
            until(lambda: states(store, mine) == {"delivered": 11})
        finally:
            for one in running:
                ended(one)


def test_who_lost_the_lease_sends_nothing_more(place: Place, receiver: Received) -> None:
    """Until it has it again: whoever took it delivers."""
    with place.open() as store, delivering(place, pace=paced(lease=0.6)):
        mine = hook(store, receiver.url("ok"))
        store.alarms.add(making.alarm())
        until(lambda: states(store, mine) == {"delivered": 1})
        database = connect(place.url)
        taken = (
            "UPDATE lease SET token = token + 1, process = 'x', expires = :at WHERE name = :name"
        )
        with database.write() as connection:
            connection.execute(text(taken), {"at": 1 << 60, "name": "webhooks"})
        time.sleep(0.8)
        store.alarms.add(making.alarm())
        time.sleep(0.5)
        assert len(receiver.notes()) == 1
        with database.write() as connection:
            connection.execute(text("UPDATE lease SET expires = 0"))
        database.close()
        until(lambda: states(store, mine) == {"delivered": 2})


def test_it_stops_soon_and_starts_again(sqlite_place: Place, receiver: Received) -> None:
    """Also while somebody keeps it waiting."""
    deliverer = Deliverer(sqlite_place.open, HERE, paced(answer=60.0))
    with sqlite_place.open() as store:
        hook(store, receiver.url("hang"))
        store.alarms.add(making.alarm())
        for round_ in range(1, 3):
            deliverer.start()
            deliverer.start()
            receiver.wait(round_)
            stopped(deliverer.stop)


def stopped(stop: Callable[[], None]) -> None:
    begun = time.monotonic()
    stop()
    assert time.monotonic() - begun < 30


def test_a_store_that_cannot_be_opened_is_tried_again(
    sqlite_place: Place, receiver: Received
) -> None:
    from lapwise.core.errors import StoreError

    tries: list[int] = []

    def opened() -> Store:
        tries.append(1)
        if len(tries) < 3:
            raise StoreError("the database does not answer")
        return sqlite_place.open()

    deliverer = Deliverer(opened, HERE, paced(lease=0.3))
    with sqlite_place.open() as store:
        hook(store, receiver.url("ok"))
        store.alarms.add(making.alarm())
        deliverer.start()
        try:
            receiver.wait(1)
        finally:
            deliverer.stop()


def test_the_pauses_grow_to_a_day() -> None:
    pace = Pace()
    pauses = [pace.pause(tries) for tries in range(1, pace.tries)]
    assert 8 <= pauses[0] <= 12
    assert max(pauses) <= pace.longest * 1.2
    assert 20 * 3600 < sum(pauses) < 30 * 3600
    assert pace.pause(10_000) <= pace.longest * 1.2
