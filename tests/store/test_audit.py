"""The chained log: what it holds, what it refuses, and how a forgery shows."""

from __future__ import annotations

import math

import msgspec
import pytest
from sqlalchemy import text

from lapwise.core.errors import ConflictError, CorruptError, StoreError
from lapwise.core.model import AuditEntry, Param
from lapwise.store.audit import FIRST, anchor_head, entry_hash, verify_chain
from lapwise.store.database import connect
from lapwise.store.model import AuditDraft, Store
from tests.store import making
from tests.store.conftest import Place


@pytest.fixture
def chain(store: Store) -> list[AuditEntry]:
    return [store.audit.append(making.act(action)) for action in ("a", "b", "c", "d")]


def test_entries_are_chained(store: Store, chain: list[AuditEntry]) -> None:
    """The first follows sixty-four zeros, each next one the hash before; the head is the last."""
    assert [entry.sequence for entry in chain] == [1, 2, 3, 4]
    assert [entry.previous for entry in chain] == [FIRST, *(entry.hash for entry in chain[:-1])]
    assert store.audit.entries() == chain
    assert store.audit.entries(after=1, limit=2) == chain[1:3]
    assert store.audit.head() == chain[-1]
    assert verify_chain(chain, {}) == 4


def test_details_are_kept_exactly(store: Store) -> None:
    """Also NaN, which JSON does not have."""
    details = (Param(name="n", value=math.nan), Param(name="i", value=1))
    draft = AuditDraft(at=1, actor="a", action="b", subject="c", details=details)
    entry = store.audit.append(draft)
    found = store.audit.entries()[0]
    assert repr(found) == repr(entry)
    assert entry_hash(found) == found.hash


@pytest.mark.parametrize(
    "statement", ["UPDATE audit SET body = body", "DELETE FROM audit WHERE sequence = 4"]
)
def test_the_database_refuses_to_change_the_log(
    place: Place, store: Store, chain: list[AuditEntry], statement: str
) -> None:
    """UPDATE and DELETE fail in the database itself, not only in our code."""
    database = connect(place.url)
    with pytest.raises(StoreError), database.write() as connection:
        connection.execute(text(statement))
    database.close()
    assert store.audit.entries() == chain


@pytest.mark.parametrize("field", ["at", "actor", "action", "subject", "previous", "hash"])
def test_a_changed_field_breaks_the_chain(chain: list[AuditEntry], field: str) -> None:
    """Whichever field of whichever entry is changed, verification names the entry."""
    value: object = 99 if field == "at" else "f" * 64
    forged = msgspec.structs.replace(chain[1], **{field: value})
    with pytest.raises(CorruptError, match="entry 2"):
        verify_chain([chain[0], forged, *chain[2:]], {})


def test_a_removed_entry_breaks_the_chain(chain: list[AuditEntry]) -> None:
    """In the middle the gap shows; at the end only an anchor can tell."""
    with pytest.raises(CorruptError, match="entry 2 is missing"):
        verify_chain([chain[0], *chain[2:]], {})
    assert verify_chain(chain[:3], {}) == 3


def test_an_anchor_shows_a_rewritten_chain(store: Store, chain: list[AuditEntry]) -> None:
    """A chain made anew from its start is consistent with itself, not with its anchor."""
    anchor_head(store.blobs, chain[-1])
    assert verify_chain(chain, store.blobs.anchors()) == 4
    with pytest.raises(CorruptError, match="anchored"):
        verify_chain(chain[:3], store.blobs.anchors())
    rewritten: list[AuditEntry] = []
    for entry in chain:
        previous = rewritten[-1].hash if rewritten else FIRST
        forged = msgspec.structs.replace(entry, actor="mallory", previous=previous)
        rewritten.append(msgspec.structs.replace(forged, hash=entry_hash(forged)))
    assert verify_chain(rewritten, {}) == 4
    with pytest.raises(CorruptError, match="anchored"):
        verify_chain(rewritten, store.blobs.anchors())


def test_an_anchor_is_written_once(store: Store, chain: list[AuditEntry]) -> None:
    """The same head may be anchored again; another under its number may not."""
    anchor_head(store.blobs, chain[-1])
    anchor_head(store.blobs, chain[-1])
    with pytest.raises(ConflictError):
        anchor_head(store.blobs, msgspec.structs.replace(chain[-1], hash="0" * 64))


def test_a_page_is_verified_from_the_entry_before(chain: list[AuditEntry]) -> None:
    """A long log can be verified piece by piece."""
    assert verify_chain(chain[2:], {}, previous=chain[1]) == 4
    with pytest.raises(CorruptError):
        verify_chain(chain[3:], {}, previous=chain[1])
