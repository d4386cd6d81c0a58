"""Tokens at the turnstile: good, wrong, too many, revoked, expired."""

from __future__ import annotations

import base64

import pytest

from lapwise.core.access import Grant, Token
from lapwise.core.clock import MachineClock
from lapwise.core.ids import new_id
from lapwise.server.access import Turnstile, hash_secret, new_secret
from lapwise.server.access import identity as module
from lapwise.server.access.identity import borne
from lapwise.server.access.sessions import HOURS, Sessions, cookie_of, made, unmade
from lapwise.server.problem import HeldUpError, UnknownError
from lapwise.store.model import Store

SECOND = 1_000_000


class Clock(MachineClock):
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def timestamp(self) -> int:
        return int(self.seconds * SECOND)


def token(store: Store, *, expires: int | None = None) -> tuple[Token, str]:
    secret = new_secret()
    grants = (Grant(role="viewer"),)
    made = Token(id=new_id(), name="anna", grants=grants, created=1, expires=expires)
    return store.tokens.add(made, hash_secret(secret), "root"), secret


def test_a_good_token_says_who_it_is(sqlite_store: Store) -> None:
    one, secret = token(sqlite_store)
    found = Turnstile(lambda: sqlite_store).enter(secret, "10.0.0.1")
    assert (found.principal.name, found.principal.grants) == ("anna", one.grants)


def test_a_revoked_token_opens_nothing_at_once(sqlite_store: Store) -> None:
    one, secret = token(sqlite_store)
    turnstile = Turnstile(lambda: sqlite_store)
    entered = turnstile.enter(secret, "a")
    sqlite_store.tokens.revoke(one.id, 2, "root")
    with pytest.raises(UnknownError):
        turnstile.enter(secret, "a")
    with pytest.raises(UnknownError):
        turnstile.again(entered.hash)


def test_an_expired_token_opens_nothing(sqlite_store: Store) -> None:
    clock = Clock()
    _, secret = token(sqlite_store, expires=clock.timestamp() + SECOND)
    turnstile = Turnstile(lambda: sqlite_store, clock=clock)
    turnstile.enter(secret, "a")
    clock.seconds += 1
    with pytest.raises(UnknownError):
        turnstile.enter(secret, "a")


@pytest.mark.parametrize("wrong", ["", "admin", "lw_" + "a" * 43, "lw_" + "a" * 400, "é"])
def test_ten_wrong_ones_a_minute_then_the_address_waits(sqlite_store: Store, wrong: str) -> None:
    clock = Clock()
    turnstile = Turnstile(lambda: sqlite_store, clock=clock)
    for _ in range(10):
        with pytest.raises(UnknownError):
            turnstile.enter(wrong, "10.0.0.1")
    with pytest.raises(HeldUpError) as held:
        turnstile.enter(wrong, "10.0.0.1")
    assert 0 < held.value.seconds <= 60
    with pytest.raises(UnknownError):
        turnstile.enter(wrong, "10.0.0.2")
    clock.seconds += 61
    with pytest.raises(UnknownError):
        turnstile.enter(wrong, "10.0.0.1")


def test_whoever_bears_a_good_token_is_not_held_up_by_a_neighbour(sqlite_store: Store) -> None:
    _, known = token(sqlite_store)
    _, new = token(sqlite_store)
    turnstile = Turnstile(lambda: sqlite_store)
    turnstile.enter(known, "proxy")
    for _ in range(10):
        with pytest.raises(UnknownError):
            turnstile.enter("guess", "proxy")
    assert turnstile.enter(known, "proxy").principal.name == "anna"
    assert turnstile.enter(new, "proxy").principal.name == "anna"
    with pytest.raises(HeldUpError):
        turnstile.enter("guess", "proxy")


def test_one_customers_many_addresses_count_as_one(sqlite_store: Store) -> None:
    turnstile = Turnstile(lambda: sqlite_store)
    for number in range(10):
        with pytest.raises(UnknownError):
            turnstile.enter("guess", f"2001:db8:0:1::{number:x}")
    with pytest.raises(HeldUpError):
        turnstile.enter("guess", "2001:db8:0:1:ffff::1")
    with pytest.raises(UnknownError):
        turnstile.enter("guess", "2001:db8:0:2::1")


def test_what_is_remembered_is_bounded(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ADDRESSES", 50)
    monkeypatch.setattr(module, "_LATELY_GOOD", 5)
    turnstile = Turnstile(lambda: sqlite_store)
    for number in range(200):
        with pytest.raises(UnknownError):
            turnstile.enter("guess", f"10.0.{number}.1")
    for _ in range(10):
        turnstile.enter(token(sqlite_store)[1], "10.1.1.1")
    assert len(turnstile._wrong) == 50
    assert len(turnstile._good) == 5


def test_the_use_of_a_token_is_written_once_a_minute(sqlite_store: Store) -> None:
    clock = Clock()
    _, secret = token(sqlite_store)
    turnstile = Turnstile(lambda: sqlite_store, clock=clock)
    seen = []
    for _ in range(4):
        turnstile.enter(secret, "a")
        seen.append(sqlite_store.tokens.list()[0].used)
        clock.seconds += 25
    assert seen == [1000 * SECOND] * 3 + [1075 * SECOND]


def test_a_token_is_borne_in_one_header_of_a_known_kind() -> None:
    basic = base64.b64encode(b"user:lw_x")
    assert borne([(b"authorization", b"Basic " + basic)]) == "lw_x"
    assert borne([(b"authorization", b"bearer lw_x")]) == "lw_x"
    assert borne([(b"authorization", b"Basic ***")]) == ""
    assert borne([(b"authorization", b"Bearer " + b"x" * 10_000)]) == ""
    assert borne([(b"authorization", b"Bearer a"), (b"authorization", b"Bearer b")]) == ""
    assert borne([(b"cookie", b"lapwise-session=lw_x")]) is None


def test_a_session_ends_when_it_is_closed_and_after_hours() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    value = sessions.open("hash")
    assert sessions.find(value) == "hash"
    assert sessions.find(value + "x") is None
    clock.seconds += HOURS * 3600
    assert sessions.find(value) is None
    again = sessions.open("hash")
    sessions.close(again)
    assert sessions.find(again) is None


def test_sessions_are_bounded_and_the_oldest_give_way() -> None:
    sessions = Sessions()
    values = [sessions.open("hash") for _ in range(5000)]
    assert sessions.find(values[0]) is None
    assert sessions.find(values[-1]) == "hash"
    assert len(sessions._open) == 4096


def test_a_cookie_is_for_this_site_alone_and_for_no_script() -> None:
    cookie = made("value", secure=True)
    assert {"HttpOnly", "SameSite=Strict", "Secure", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in made("value", secure=False)
    assert "Max-Age=0" in unmade(secure=False)
    assert cookie_of([(b"cookie", cookie.split(";")[0].encode())]) == "value"
    assert cookie_of([(b"cookie", b"lapwise-session=" + b"x" * 1000)]) is None
