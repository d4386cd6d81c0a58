"""Other immutable records by (kind, digest)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from lapwise.core.digest import Digest
from lapwise.core.errors import NotFoundError
from lapwise.store import schema
from lapwise.store.database import Database
from lapwise.store.nearest import nearest
from lapwise.store.record_texts import TypedRecords

__all__ = ["SqlRecords"]


class SqlRecords(TypedRecords):
    """Implements :class:`lapwise.store.model.Records`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, kind: str, digest: Digest, text: str) -> None:
        """Keep a body; kept already, it stays as it is."""
        statement = self._database.insert_once(schema.record)
        with self._database.write() as connection:
            connection.execute(statement, {"kind": kind, "digest": digest, "body": text})

    def text(self, kind: str, digest: Digest) -> str:
        """Return the body of a record; raises NotFoundError."""
        columns = schema.record.c
        query = select(columns.body).where(columns.kind == kind, columns.digest == digest)
        with self._database.read() as connection:
            body: str | None = connection.scalar(query)
        if body is None:
            raise NotFoundError(
                f"there is no {kind}",
                value=digest,
                expected=nearest(digest, self.digests(kind)),
                fix="lapwise doctor",
            )
        return body

    def digests(self, kind: str) -> Sequence[Digest]:
        """Return the digests kept under a kind, oldest first."""
        columns = schema.record.c
        query = select(columns.digest).where(columns.kind == kind).order_by(columns.id)
        with self._database.read() as connection:
            return list(connection.scalars(query))
