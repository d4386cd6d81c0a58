"""Other immutable records by (kind, digest)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import select

from lapwise.core.digest import Digest
from lapwise.core.errors import NotFoundError
from lapwise.store import schema
from lapwise.store.database import Database
from lapwise.store.encoding import decode, encode
from lapwise.store.nearest import nearest

__all__ = ["SqlRecords"]


class SqlRecords:
    """Implements :class:`lapwise.store.model.Records`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, kind: str, digest: Digest, record: msgspec.Struct) -> None:
        """Keep a record; kept already, it stays as it is."""
        statement = self._database.insert_once(schema.record)
        with self._database.write() as connection:
            connection.execute(statement, {"kind": kind, "digest": digest, "body": encode(record)})

    def get(self, kind: str, digest: Digest, type: type[msgspec.Struct]) -> msgspec.Struct:
        """Return a record decoded as ``type``; raises NotFoundError."""
        columns = schema.record.c
        query = select(columns.body).where(columns.kind == kind, columns.digest == digest)
        with self._database.read() as connection:
            body = connection.scalar(query)
        if body is None:
            raise NotFoundError(
                f"there is no {kind}",
                value=digest,
                expected=nearest(digest, self.digests(kind)),
                fix="lapwise doctor",
            )
        return decode(body, type)

    def digests(self, kind: str) -> Sequence[Digest]:
        """Return the digests kept under a kind, oldest first."""
        columns = schema.record.c
        query = select(columns.digest).where(columns.kind == kind).order_by(columns.id)
        with self._database.read() as connection:
            return list(connection.scalars(query))
