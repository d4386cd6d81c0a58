"""Everything that can be done to the log behind Lapwise's back, through SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import msgspec
import pytest

from lapwise.core.errors import CorruptError
from lapwise.core.model import AuditEntry, Param
from lapwise.registry import Packaged, anchor, approve, promote, roll_back, verify
from lapwise.store.audit import FIRST, entry_hash
from lapwise.store.encoding import decode, encode
from lapwise.store.model import AuditDraft, Store
from tests.registry.examples import in_canary, registered, staged


@pytest.fixture
def worked(store: Store, packaged: Packaged) -> Store:
    """A store with a version in production, one in canary, and two entries after the last anchor."""
    approve(store, staged(store, packaged), by="ada", at=3)
    approve(store, staged(store, packaged, "run-2"), by="ada", at=4)
    registered(store, packaged, "run-3")
    store.audit.append(AuditDraft(at=5, actor="ada", action="export", subject="demo"))
    return store


def tamper(store: Store, change: Callable[[sqlite3.Connection], object]) -> None:
    """Change the database as somebody with the file and no scruples would."""
    path = store.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in triggers.fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        change(connection)
        connection.commit()


def entry(connection: sqlite3.Connection, sequence: int) -> AuditEntry:
    query = "SELECT body FROM audit WHERE sequence = ?"
    return decode(connection.execute(query, (sequence,)).fetchone()[0], AuditEntry)


def write(connection: sqlite3.Connection, changed: AuditEntry) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO audit (sequence, hash, body) VALUES (?, ?, ?)",
        (changed.sequence, changed.hash, encode(changed)),
    )


def rewrite(connection: sqlite3.Connection, first: int) -> None:
    """Recompute every hash from an entry on, so that the chain alone looks right."""
    (last,) = connection.execute("SELECT max(sequence) FROM audit").fetchone()
    previous = entry(connection, first - 1).hash if first > 1 else FIRST
    for sequence in range(first, last + 1):
        one = msgspec.structs.replace(entry(connection, sequence), previous=previous, hash="")
        one = msgspec.structs.replace(one, hash=entry_hash(one))
        connection.execute("DELETE FROM audit WHERE sequence = ?", (sequence,))
        write(connection, one)
        previous = one.hash


def test_an_untouched_log_is_sound(worked: Store) -> None:
    """Every entry, every anchor and every version is counted."""
    report = verify(worked)
    assert report.sound, report.problems
    assert (report.entries, report.anchors, report.versions) == (8, 2, 3)
    assert report.unanchored == 2


def test_an_empty_log_is_sound(store: Store) -> None:
    """Nothing was done, nothing is wrong; anchoring nothing does nothing."""
    anchor(store)
    report = verify(store)
    assert (report.sound, report.entries, report.anchors) == (True, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"at": 99},
        {"actor": "mallory"},
        {"action": "nothing"},
        {"subject": "other"},
        {"details": (Param(name="to", value="archived"),)},
        {"previous": "0" * 64},
        {"hash": "f" * 64},
        {"sequence": 77},
    ],
    ids=lambda change: next(iter(change)),
)
def test_any_edited_field_is_found(change: dict[str, object], worked: Store) -> None:
    """Each field of an entry is covered."""

    def edit(connection: sqlite3.Connection) -> None:
        changed = msgspec.structs.replace(entry(connection, 3), **change)
        connection.execute("UPDATE audit SET body = ? WHERE sequence = 3", (encode(changed),))

    tamper(worked, edit)
    report = verify(worked)
    assert not report.sound
    assert "audit entry" in report.problems[0]


def test_an_entry_that_does_not_decode_is_found(worked: Store) -> None:
    """Garbage is a problem in the report, not a crash."""
    tamper(worked, lambda c: c.execute("UPDATE audit SET body = 'x' WHERE sequence = 3"))
    assert "does not decode" in verify(worked).problems[0]


def test_a_removed_entry_is_found(worked: Store) -> None:
    """A gap in the numbers, or a chain that does not follow when they are closed up."""

    def remove(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM audit WHERE sequence = 2")

    tamper(worked, remove)
    assert "audit entry 2 is missing" in verify(worked).problems[0]


def test_entries_in_another_order_are_found(worked: Store) -> None:
    """Two entries that changed places."""

    def swap(connection: sqlite3.Connection) -> None:
        two, three = entry(connection, 2), entry(connection, 3)
        connection.execute("DELETE FROM audit WHERE sequence IN (2, 3)")
        write(connection, msgspec.structs.replace(two, sequence=3))
        write(connection, msgspec.structs.replace(three, sequence=2))

    tamper(worked, swap)
    assert "audit entry 2" in verify(worked).problems[0]


def test_an_entry_put_in_is_found(worked: Store) -> None:
    """Even with its own hash right and the later numbers moved up."""

    def insert(connection: sqlite3.Connection) -> None:
        moved = [entry(connection, sequence) for sequence in range(3, 9)]
        connection.execute("DELETE FROM audit WHERE sequence > 2")
        forged = msgspec.structs.replace(
            moved[0], previous=entry(connection, 2).hash, actor="mallory", hash=""
        )
        write(connection, msgspec.structs.replace(forged, hash=entry_hash(forged)))
        for one in moved:
            write(connection, msgspec.structs.replace(one, sequence=one.sequence + 1))

    tamper(worked, insert)
    assert "audit entry 4" in verify(worked).problems[0]


def test_a_cut_tail_is_found_by_its_anchor(worked: Store) -> None:
    """What was anchored cannot be cut off; what came after says how long a cut could hide."""
    tamper(worked, lambda c: c.execute("DELETE FROM audit WHERE sequence > 4"))
    report = verify(worked)
    assert any("was anchored" in problem for problem in report.problems)


def test_a_cut_tail_after_the_anchor_is_found_by_what_it_told_of(worked: Store) -> None:
    """The registration that was cut off left its version behind."""
    tamper(worked, lambda c: c.execute("DELETE FROM audit WHERE sequence > 6"))
    assert verify(worked).problems == ("demo v3 was never registered, the log says",)


@pytest.mark.parametrize("first", [1, 3])
def test_a_rewritten_chain_is_found_by_its_anchors(first: int, worked: Store) -> None:
    """All hashes recomputed after an edit: the chain is right, and not the one that was anchored."""

    def forge(connection: sqlite3.Connection) -> None:
        changed = msgspec.structs.replace(entry(connection, 3), actor="mallory")
        connection.execute("UPDATE audit SET body = ? WHERE sequence = 3", (encode(changed),))
        rewrite(connection, first)

    tamper(worked, forge)
    problems = verify(worked).problems
    assert len(problems) == 1
    assert "is not the one that was anchored" in problems[0]


def test_a_new_anchor_cannot_hide_a_rewritten_log(worked: Store) -> None:
    """Anchors are written once: another head under an anchored number is refused."""

    def forge(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM audit WHERE sequence > 6")
        changed = msgspec.structs.replace(entry(connection, 3), actor="mallory")
        connection.execute("UPDATE audit SET body = ? WHERE sequence = 3", (encode(changed),))
        rewrite(connection, 3)

    tamper(worked, forge)
    with pytest.raises(CorruptError, match="anchored before"):
        anchor(worked)


def test_a_stage_changed_past_the_log_is_found(worked: Store) -> None:
    """Production set by SQL, with no approval: the log says otherwise."""
    tamper(
        worked,
        lambda c: c.execute("UPDATE model_version SET stage = 'staging' WHERE number = 3"),
    )
    assert verify(worked).problems == ("demo v3 stands in staging, the log says none",)


@pytest.fixture
def replaced(store: Store, packaged: Packaged) -> Store:
    """A store where v2 took the place of v1, and gave it back to v1."""
    approve(store, staged(store, packaged), by="ada", at=3)
    second = in_canary(store, packaged, "run-2")
    promote(store, second, by="rollout 1", at=5)
    assert verify(store).sound
    roll_back(store, second, by="ada", at=6)
    return store


@pytest.mark.parametrize(
    ("number", "stage", "told"), [(1, "archived", "production"), (2, "canary", "staging")]
)
def test_each_of_two_moves_in_one_entry_is_held_against_its_version(
    replaced: Store, number: int, stage: str, told: str
) -> None:
    """The one that was rolled back and the one that came back."""
    assert verify(replaced).sound
    change = f"UPDATE model_version SET stage = '{stage}' WHERE number = {number}"
    tamper(replaced, lambda c: c.execute(change))
    assert verify(replaced).problems == (f"demo v{number} stands in {stage}, the log says {told}",)


@pytest.mark.parametrize("marks", ["[]", '["restored"]'])
def test_a_mark_changed_past_the_log_is_found(replaced: Store, marks: str) -> None:
    """That v2 was rolled back cannot be wiped away."""
    change = f"UPDATE model_version SET marks = '{marks}' WHERE number = 2"
    tamper(replaced, lambda c: c.execute(change))
    assert verify(replaced).problems == ("demo v2 has other marks than the log tells of",)


@pytest.mark.parametrize("name", ["former", "former_to", "to"])
def test_an_entry_that_tells_of_other_moves_is_found(replaced: Store, name: str) -> None:
    """By its hash; and by its anchor, when every hash was recomputed."""

    def edit(connection: sqlite3.Connection) -> None:
        last = entry(connection, 8)
        details = tuple(
            Param(name=one.name, value="archived") if one.name == name else one
            for one in last.details
        )
        assert details != last.details
        changed = msgspec.structs.replace(last, details=details)
        connection.execute("UPDATE audit SET body = ? WHERE sequence = 8", (encode(changed),))

    tamper(replaced, edit)
    assert "audit entry 8 was changed" in verify(replaced).problems[0]
    tamper(replaced, lambda connection: rewrite(connection, 8))
    problems = verify(replaced).problems
    assert "audit entry 8 is not the one that was anchored" in problems[0]
    assert any("the log says" in problem for problem in problems)


def test_a_version_changed_past_the_log_is_found(worked: Store) -> None:
    """Another artifact under a registered version."""

    def edit(connection: sqlite3.Connection) -> None:
        query = "SELECT body FROM model_version WHERE number = 1"
        (body,) = connection.execute(query).fetchone()
        digest = worked.models.get("demo@v1").artifacts[0].digest
        changed = body.replace(digest, "0" * 64)
        connection.execute("UPDATE model_version SET body = ? WHERE number = 1", (changed,))

    tamper(worked, edit)
    assert verify(worked).problems == ("demo v1 is not as it was registered",)


def test_a_version_that_vanished_is_found(worked: Store) -> None:
    """Delete means archive; a row that is gone was not archived."""
    identity = worked.models.get("demo@v3").id
    tamper(worked, lambda c: c.execute("DELETE FROM model_version WHERE number = 3"))
    assert verify(worked).problems == (f"version {identity} was registered and is gone",)


@pytest.mark.parametrize(
    "change",
    [
        'UPDATE approval SET body = replace(body, \'"by":"ada"\', \'"by":"eve"\')',
        "DELETE FROM approval",
    ],
)
def test_a_changed_decision(worked: Store, change: str) -> None:
    """Who approved a version is what the log says; another name, or none, is found."""
    tamper(worked, lambda connection: connection.execute(change))
    assert any("decisions" in problem for problem in verify(worked).problems)
