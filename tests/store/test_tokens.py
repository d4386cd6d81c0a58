"""Tokens, kept under the hashes of their secrets, on both databases."""

from __future__ import annotations

import msgspec
import pytest

from lapwise.core.access import Grant, Token
from lapwise.core.errors import ConflictError, NotFoundError
from lapwise.core.ids import new_id
from lapwise.store.model import Store


def token(name: str = "ci", created: int = 5, expires: int | None = 99) -> Token:
    grants = (Grant(role="contributor", product="churn"), Grant(role="viewer"))
    return Token(id=new_id(), name=name, grants=grants, created=created, expires=expires)


def test_a_token_is_found_by_its_hash(store: Store) -> None:
    """Asked to keep it again, the store has it already; another under its hash is refused."""
    one = token()
    assert store.tokens.add(one, "hash", "ada") == one
    assert store.tokens.add(one, "hash", "ada") == one
    assert store.tokens.find("hash") == one
    assert store.tokens.find("other") is None
    with pytest.raises(ConflictError):
        store.tokens.add(token(), "hash", "eve")
    assert store.tokens.list() == [one]


def test_tokens_are_listed_newest_first(store: Store) -> None:
    made = [token(created=at) for at in (1, 3, 2)]
    for one in made:
        store.tokens.add(one, one.id, "ada")
    assert [one.created for one in store.tokens.list()] == [3, 2, 1]


def test_a_revoked_token_stays_revoked_since_the_first_time(store: Store) -> None:
    one = store.tokens.add(token(), "hash", "ada")
    assert store.tokens.revoke(one.id, 50, "ada").revoked == 50
    assert store.tokens.revoke(one.id, 60, "eve").revoked == 50
    store.tokens.touch(one.id, 70)
    assert store.tokens.find("hash") == msgspec.structs.replace(one, revoked=50, used=70)
    with pytest.raises(NotFoundError):
        store.tokens.revoke("nobody", 1, "ada")


def test_use_goes_only_forward(store: Store) -> None:
    """Two servers may tell of it in either order; of an unknown token nothing is kept."""
    one = store.tokens.add(token(), "hash", "ada")
    for at in (20, 30, 25):
        store.tokens.touch(one.id, at)
    store.tokens.touch("nobody", 40)
    assert [found.used for found in store.tokens.list()] == [30]


def test_each_act_is_audited_and_tells_no_secret(store: Store) -> None:
    """Once each, under a subject that is no product's name."""
    one = store.tokens.add(token(expires=None), "hash-of-it", "ada")
    store.tokens.add(one, "hash-of-it", "ada")
    store.tokens.revoke(one.id, 50, "bob")
    store.tokens.revoke(one.id, 60, "bob")
    entries = store.audit.entries()
    assert [(entry.action, entry.actor, entry.subject) for entry in entries] == [
        ("token-add", "ada", "token:ci"),
        ("token-revoke", "bob", "token:ci"),
    ]
    assert "hash-of-it" not in repr(entries)
    assert "contributor of churn, viewer of *" in repr(entries)
