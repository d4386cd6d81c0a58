"""Webhooks: where they may lead, what they get, and how far it has come, on both databases."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lapwise.core.access import Delivery, Webhook
from lapwise.core.errors import DeclarationError, NotFoundError
from lapwise.store.model import Store
from tests.store import making

LATER = 1 << 60


def hook(store: Store, **given: Any) -> Webhook:
    return store.webhooks.add(making.webhook(**given), making.SECRET, "ada")


def told(deliveries: list[Delivery] | tuple[Delivery, ...]) -> list[int]:
    return [one.event.number for one in deliveries]


def due(store: Store, **given: int) -> list[int]:
    return told(list(store.webhooks.due(LATER, **given)))


def test_a_webhook_is_kept_once_and_its_secret_apart(store: Store) -> None:
    one = making.webhook("https://example.org/hook?key=hidden")
    for _ in range(2):
        assert store.webhooks.add(one, making.SECRET, "ada") == one
    assert store.webhooks.list() == [one]
    assert store.webhooks.secret(one.id) == making.SECRET
    (entry,) = store.audit.entries()
    assert (entry.action, entry.actor, entry.subject) == ("webhook-add", "ada", f"webhook:{one.id}")
    assert "example.org" in repr(entry)
    for secret in ("hidden", "whsec", making.SECRET[6:]):
        assert secret not in repr(entry)


WRONG = [
    *("", "example.org/hook", "ftp://example.org/", "file:///etc/passwd", "http://", "http:///x"),
    *("http://user:pass@example.org/", "http://example.org@evil.org/", "http://@example.org/"),
    *("http://example.org:0/", "http://example.org:99999/", "http://[::1/", "http://a b/"),
    *("http://[fe80::1%25eth0]/", "http://exa%6dple.org/", "http://example.org/#x"),
    *("http://example.org\\@evil.org/", "http://example.org/\r\nX: y", "http://exämple.org/"),
    *("javascript:alert(1)", "gopher://example.org/", "http://" + "a" * 3000),
]  # fmt: skip


def test_what_no_event_can_be_sent_to_is_refused(store: Store) -> None:
    """Before anything is kept; and no password is shown."""
    for url in WRONG:
        with pytest.raises(DeclarationError, match="sent there") as caught:
            hook(store, url=url)
        assert "pass@" not in str(caught.value)
    assert list(store.webhooks.list()) == []
    assert store.audit.entries() == []


def test_a_secret_that_cannot_be_one_is_refused(store: Store) -> None:
    """Too short, of another form; and it is not shown."""
    for secret in ("", "whsec_", "hunter2hunter2hunter2", "whsec_c2VjcmV0", "whsec_!" + "a" * 43):
        with pytest.raises(DeclarationError, match="secret") as caught:
            store.webhooks.add(making.webhook(), secret, "ada")
        assert not secret or secret not in str(caught.value).replace("whsec_ and", "")
    assert list(store.webhooks.list()) == []


def test_it_gets_the_events_from_now_on(store: Store) -> None:
    """Neither what came before, nor what its kinds and its product leave out."""
    store.alarms.add(making.alarm())
    all_, mine, alarms = (
        hook(store), hook(store, product="churn"), hook(store, events=("alarm.raised",)),
    )  # fmt: skip
    store.alarms.add(making.alarm("churn"))
    store.laps.create(msgspec.structs.replace(making.lap("churn"), state="refused"))
    store.alarms.add(making.alarm("other"))
    assert sorted(due(store)) == [2, 2, 2, 3, 3, 4, 4]
    assert told(list(store.webhooks.deliveries(all_.id))) == [4, 3, 2]
    assert told(list(store.webhooks.deliveries(mine.id, limit=1))) == [3]
    assert told(list(store.webhooks.deliveries(alarms.id))) == [4, 2]
    with pytest.raises(NotFoundError):
        store.webhooks.deliveries("nobody")


def test_what_waits_is_due_again_later(store: Store) -> None:
    """Until it was delivered, or given up; what was delivered stays so."""
    one = hook(store)
    store.alarms.add(making.alarm())
    (found,) = store.webhooks.due(LATER)
    assert (found.state, found.attempts, found.webhook) == ("waiting", 0, one.id)
    assert found.event == store.events.list()[0]
    again = msgspec.structs.replace(found, attempts=1, due=LATER - 5, answer="500")
    store.webhooks.record(again)
    assert list(store.webhooks.due(LATER - 6)) == []
    assert list(store.webhooks.due(LATER)) == [again]
    done = msgspec.structs.replace(again, state="delivered", attempts=2, answer="204")
    store.webhooks.record(done)
    store.webhooks.record(msgspec.structs.replace(done, state="waiting", attempts=3))
    store.webhooks.record(msgspec.structs.replace(again, answer="late"))
    assert list(store.webhooks.deliveries(one.id)) == [done]
    assert due(store) == []


def test_a_late_record_does_not_count_back(store: Store) -> None:
    """Of two who tried, the one who tried more often is right."""
    one = hook(store)
    store.alarms.add(making.alarm())
    (found,) = store.webhooks.due(LATER)
    third = msgspec.structs.replace(found, attempts=3, answer="third")
    for record in (third, msgspec.structs.replace(found, attempts=2, answer="second")):
        store.webhooks.record(record)
    assert list(store.webhooks.deliveries(one.id)) == [third]


def test_what_was_removed_gets_nothing_more(store: Store) -> None:
    """Its history stays; its secret does not."""
    one = hook(store)
    store.alarms.add(making.alarm())
    assert due(store) == [1]
    store.webhooks.remove(one.id, 9, "bob")
    store.alarms.add(making.alarm())
    assert due(store) == []
    assert list(store.webhooks.list()) == []
    assert told(list(store.webhooks.deliveries(one.id))) == [1]
    for act in (
        lambda: store.webhooks.secret(one.id),
        lambda: store.webhooks.remove(one.id, 10, "bob"),
        lambda: store.webhooks.remove("nobody", 10, "bob"),
    ):
        with pytest.raises(NotFoundError):
            act()
    assert [entry.action for entry in store.audit.entries()] == ["webhook-add", "webhook-remove"]


def test_webhooks_take_turns(store: Store) -> None:
    """One with much behind it does not keep another waiting."""
    slow = hook(store, product="slow")
    for _ in range(5):
        store.alarms.add(making.alarm("slow"))
    quick = hook(store, product="quick")
    store.alarms.add(making.alarm("quick"))
    found = store.webhooks.due(LATER, limit=2)
    assert {one.webhook for one in found} == {slow.id, quick.id}
    assert due(store, limit=4) == [1, 2, 3, 6]


def test_many_events_become_deliveries_bit_by_bit(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lapwise.store import webhooks

    monkeypatch.setattr(webhooks, "_AT_ONCE", 2)
    one = hook(store, product="churn")
    for number in range(5):
        store.alarms.add(making.alarm("churn" if number % 2 else "other"))
    for _ in range(3):
        store.webhooks.due(LATER)
    assert told(list(store.webhooks.deliveries(one.id))) == [4, 2]
    assert due(store) == [2, 4]
