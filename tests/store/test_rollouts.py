"""Versions on their way to users, on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any, get_args

import msgspec
import pytest
from sqlalchemy import text

from lapwise.core.errors import ConflictError, NotFoundError
from lapwise.core.rollout import Guard, Rollout, RolloutPhase
from lapwise.store.database import connect
from lapwise.store.encoding import encode
from lapwise.store.model import Store
from tests.store import making
from tests.store.conftest import Place

RACERS = 6


def changed(rollout: Rollout, **fields: Any) -> Rollout:
    return msgspec.structs.replace(rollout, **fields)


def closed(store: Store, rollout: Rollout, phase: RolloutPhase = "promoted") -> Rollout:
    return store.rollouts.update(changed(rollout, phase=phase), seen=rollout)


def test_one_rollout_of_a_model_is_open(store: Store) -> None:
    """A second is refused with the first one named, until that ends; another model is free."""
    first = store.rollouts.create(making.rollout())
    with pytest.raises(ConflictError, match="another rollout of flight-delay is open") as caught:
        store.rollouts.create(making.rollout())
    assert caught.value.value == "rollout 1, shadow"
    assert store.rollouts.create(making.rollout("other")).number == 1
    assert store.rollouts.open("flight-delay") == first
    closed(store, first, "rolled_back")
    assert store.rollouts.open("flight-delay") is None
    second = store.rollouts.create(making.rollout(phase="canary"))
    assert second.number == 2
    assert store.rollouts.list("flight-delay") == [second, store.rollouts.get(first.id)]


def test_asked_again_to_create_it_gives_what_is_there(store: Store) -> None:
    """However far that has come meanwhile, and whether it is open or not."""
    first = store.rollouts.create(making.rollout())
    last = closed(store, first)
    assert store.rollouts.create(first) == last
    assert len(store.rollouts.list()) == 1


@pytest.mark.parametrize("phase", get_args(RolloutPhase))
def test_the_record_and_the_database_agree_on_what_is_open(
    place: Place, store: Store, phase: RolloutPhase
) -> None:
    """The property of the record, the query, and the index that no code can get round."""
    rollout = store.rollouts.create(making.rollout(phase=phase))
    assert (store.rollouts.open("flight-delay") is not None) == rollout.open
    database = connect(place.url)
    second = changed(making.rollout(phase=phase), number=2)
    row = {
        "id": second.id, "model": second.model, "number": 2, "phase": phase, "started": 1,
        "body": encode(second),
    }  # fmt: skip
    insert = text(
        "INSERT INTO rollout (id, model, number, phase, started, body)"
        " VALUES (:id, :model, :number, :phase, :started, :body)"
    )
    try:
        with database.write() as connection:
            connection.execute(insert, row)
        refused = False
    except ConflictError:
        refused = True
    finally:
        database.close()
    assert refused == rollout.open


def test_a_rollout_is_found_by_id_and_number(store: Store) -> None:
    """A number needs its model only when two models have it."""
    first = store.rollouts.create(making.rollout("a"))
    for reference in (first.id, "1", "rollout 1"):
        assert store.rollouts.get(reference) == first
    store.rollouts.create(making.rollout("b"))
    assert store.rollouts.get("1", "a") == first
    with pytest.raises(NotFoundError, match="a, b"):
        store.rollouts.get("1")
    with pytest.raises(NotFoundError, match="one of a, b"):
        store.rollouts.get("1", "c")
    with pytest.raises(NotFoundError):
        store.rollouts.get("7", "a")


def test_rollouts_come_newest_first(store: Store) -> None:
    """Over all models by their start."""
    late = store.rollouts.create(making.rollout("a", started=5))
    early = store.rollouts.create(making.rollout("b", started=3))
    assert store.rollouts.list() == [late, early]
    assert store.rollouts.list(limit=1) == [late]


def test_an_update_replaces_all_but_place_and_start(store: Store) -> None:
    """Model, number and start are those that it was created with."""
    rollout = store.rollouts.create(making.rollout())
    wanted = changed(rollout, phase="canary", step=1, weight=50, model="x", number=9, started=99)
    kept = store.rollouts.update(wanted, seen=rollout)
    assert kept == store.rollouts.get(rollout.id) == store.rollouts.open("flight-delay")
    assert kept == changed(rollout, phase="canary", step=1, weight=50)


def test_a_rollout_that_changed_since_it_was_seen_is_not_replaced(store: Store) -> None:
    """Whoever looked earlier loses, and is told to look again."""
    seen = store.rollouts.create(making.rollout())
    paused = store.rollouts.update(changed(seen, paused=True), seen=seen)
    with pytest.raises(ConflictError, match="rollout 1 of flight-delay has changed"):
        store.rollouts.update(changed(seen, weight=10), seen=seen)
    assert store.rollouts.get(seen.id) == paused
    with pytest.raises(NotFoundError):
        store.rollouts.update(making.rollout(), seen=seen)


@pytest.mark.parametrize("measured", [1, float("nan"), float("inf"), -0.0])
def test_what_was_seen_may_hold_any_number(store: Store, measured: float) -> None:
    """NaN equals no NaN, and 1 is read back as 1.0; the record is still the one that was seen."""
    guard = Guard(name="g", status="harmless", sentence="s", candidate=1, control=1,
                  measured=measured)  # fmt: skip
    seen = store.rollouts.create(changed(making.rollout(), guards=(guard,)))
    again = store.rollouts.update(changed(seen, weight=1), seen=seen)
    assert store.rollouts.update(changed(again, weight=2), seen=store.rollouts.get("1")).weight == 2


def test_an_ended_rollout_is_not_opened_beside_another(store: Store) -> None:
    """Opening it again would make two."""
    first = closed(store, store.rollouts.create(making.rollout()), "aborted")
    store.rollouts.create(making.rollout())
    with pytest.raises(ConflictError, match="rollout 2, shadow"):
        store.rollouts.update(changed(first, phase="shadow"), seen=first)


def race(place: Place, deed: str) -> list[str]:
    """Let processes of their own do a deed at one moment; return what each said."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.store.rolling", place.url, place.blobs, deed],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for _ in range(RACERS)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return [racer.communicate(timeout=60)[0].strip() for racer in racers]


def test_of_processes_that_create_one_wins(place: Place, store: Store) -> None:
    """One open rollout, numbered 1, and the others are told whose."""
    said = race(place, "create")
    (winner,) = (one for one in said if not one.startswith("lost"))
    assert [one.id for one in store.rollouts.list()] == [winner]
    assert said.count("lost: another rollout of flight-delay is open") == RACERS - 1


def test_of_processes_that_update_one_wins(place: Place, store: Store) -> None:
    """All saw the same; the rollout moved one step, not six."""
    rollout = store.rollouts.create(making.rollout())
    said = race(place, rollout.id)
    assert sorted(one.partition(":")[0] for one in said) == ["1", *["lost"] * (RACERS - 1)]
    assert store.rollouts.get(rollout.id).weight == 1


def test_threads_that_try_again_lose_no_update(store: Store) -> None:
    """Four threads add one, twenty-five times each, looking again when they lost."""
    rollout = store.rollouts.create(making.rollout())

    def add() -> None:
        done = 0
        while done < 25:
            seen = store.rollouts.get(rollout.id)
            try:
                store.rollouts.update(changed(seen, weight=seen.weight + 1), seen=seen)
            except ConflictError:
                continue
            done += 1

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.rollouts.get(rollout.id).weight == 100
