"""The chained log of acts: each entry's hash covers its fields and the hash before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, select

from lapwise.core.digest import Digest, digest_bytes
from lapwise.core.errors import ConflictError, CorruptError
from lapwise.core.model import AuditEntry
from lapwise.store import schema
from lapwise.store.boundary import crossing
from lapwise.store.database import Database
from lapwise.store.encoding import decode, encode
from lapwise.store.model import AuditDraft, Blobs

__all__ = ["FIRST", "SqlAudit", "anchor_head", "append", "appended", "entry_hash", "verify_chain"]

FIRST: Digest = "0" * 64
"""The ``previous`` of the first entry."""

_ANCHOR = "audit-"


class SqlAudit:
    """Implements :class:`lapwise.store.model.Audit`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, draft: AuditDraft) -> AuditEntry:
        """Append an act that changes nothing else in the store; same id, the entry that is there."""
        with self._database.write() as connection:
            return append(self._database, connection, draft)

    def entries(self, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        """Return entries in order, those with ``sequence > after``."""
        columns = schema.audit.c
        query = select(columns.body).where(columns.sequence > after)
        with self._database.read() as connection:
            bodies = connection.scalars(query.order_by(columns.sequence).limit(limit))
            return [decode(body, AuditEntry) for body in bodies]

    def head(self) -> AuditEntry | None:
        """Return the last entry, or None."""
        with self._database.read() as connection:
            return _head(connection)


def append(database: Database, connection: Connection, draft: AuditDraft) -> AuditEntry:
    """Give an act its place in the chain, inside the transaction of what it tells of."""
    known = appended(database, connection, draft)
    if known is not None:
        return known
    last = _head(connection)
    entry = AuditEntry(
        sequence=last.sequence + 1 if last else 1,
        previous=last.hash if last else FIRST,
        hash="",
        at=draft.at,
        actor=draft.actor,
        action=draft.action,
        subject=draft.subject,
        details=draft.details,
    )
    entry = msgspec.structs.replace(entry, hash=entry_hash(entry))
    crossing("audit-append", "before")
    connection.execute(
        schema.audit.insert().values(
            sequence=entry.sequence, hash=entry.hash, body=encode(entry), draft=draft.id or None
        )
    )
    crossing("audit-append", "after")
    return entry


def appended(database: Database, connection: Connection, draft: AuditDraft) -> AuditEntry | None:
    """Return the entry that a draft became before, or None; no other is appended meanwhile.

    Raises:
        ConflictError: another act had this id.
    """
    database.serialise(connection, "audit")
    query = select(schema.audit.c.body).where(schema.audit.c.draft == draft.id)
    body = connection.scalar(query) if draft.id else None
    if body is None:
        return None
    entry = decode(body, AuditEntry)
    told = ("at", "actor", "action", "subject")
    if any(getattr(entry, name) != getattr(draft, name) for name in told):
        raise ConflictError(
            "another act had this id",
            value=draft.id,
            expected="an id for each act",
            fix="leave the id out, and the store gives one",
        )
    return entry


def entry_hash(entry: AuditEntry) -> Digest:
    """Return the BLAKE3 of the canonical JSON of every field but ``hash``."""
    fields = {name: getattr(entry, name) for name in entry.__struct_fields__ if name != "hash"}
    return digest_bytes(encode(fields).encode())


def verify_chain(
    entries: Iterable[AuditEntry], anchors: Mapping[str, bytes], previous: AuditEntry | None = None
) -> int:
    """Check a chain from its start (or from ``previous``) to its end and return its length.

    Args:
        entries: every entry, in order.
        anchors: what :func:`anchor_head` wrote, by name; other names are ignored.
        previous: the entry before the first of ``entries``.

    Raises:
        CorruptError: an entry was changed, removed or put in, or an anchor tells another story.
    """
    sequence = previous.sequence if previous else 0
    above = previous.hash if previous else FIRST
    hashes: dict[int, Digest] = {}
    for entry in entries:
        if entry.sequence != sequence + 1:
            raise _broken(f"audit entry {sequence + 1} is missing", entry.sequence)
        if entry.previous != above:
            raise _broken(f"audit entry {entry.sequence} does not follow the one before", above)
        if entry.hash != entry_hash(entry):
            raise _broken(f"audit entry {entry.sequence} was changed", entry.action)
        sequence, above = entry.sequence, entry.hash
        hashes[sequence] = above
    for name, content in sorted(anchors.items()):
        number = name.removeprefix(_ANCHOR)
        if number == name or (previous and int(number) <= previous.sequence):
            continue
        if hashes.get(int(number)) != content.decode(errors="replace"):
            raise _broken(
                f"audit entry {int(number)} is not the one that was anchored", content[:64]
            )
    return sequence


def anchor_head(blobs: Blobs, entry: AuditEntry) -> None:
    """Write an entry's hash to the blob store, once: who rewrites the database cannot hide it.

    Raises:
        ConflictError: another entry was anchored under this number.
    """
    blobs.anchor(f"{_ANCHOR}{entry.sequence:010d}", entry.hash.encode())


def _head(connection: Connection) -> AuditEntry | None:
    query = select(schema.audit.c.body).order_by(schema.audit.c.sequence.desc()).limit(1)
    body = connection.scalar(query)
    return None if body is None else decode(body, AuditEntry)


def _broken(thing: str, value: object) -> CorruptError:
    return CorruptError(
        thing,
        value=value,
        expected="a chain nobody touched",
        fix="lapwise db restore from a backup, and find out who had access",
    )
