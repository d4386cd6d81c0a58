"""What monitors raised, on both databases."""

from __future__ import annotations

import msgspec

from lapwise.store.model import Store
from tests.store import making


def test_an_alarm_is_kept_once_and_numbered_in_its_model(store: Store) -> None:
    """The same id again, whatever else it says, is the alarm that is there."""
    first = store.alarms.add(making.alarm("a"))
    assert store.alarms.add(msgspec.structs.replace(first, sentence="other", number=7)) == first
    assert store.alarms.add(making.alarm("b")).number == 1
    assert store.alarms.add(making.alarm("a")).number == 2
    assert len(store.alarms.list()) == 3


def test_alarms_come_newest_first(store: Store) -> None:
    """By when they were raised, then by number; `since` is included."""
    late, early, middle, twin = (store.alarms.add(making.alarm("a", at)) for at in (30, 10, 20, 20))
    other = store.alarms.add(making.alarm("b", 25))
    assert store.alarms.list("a") == [late, twin, middle, early]
    assert store.alarms.list() == [late, other, twin, middle, early]
    assert store.alarms.list(since=25) == [late, other]
    assert store.alarms.list("a", since=20, limit=2) == [late, twin]
    assert store.alarms.list("c") == []
