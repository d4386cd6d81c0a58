"""Tokens, under the hashes of their secrets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from lapwise.core.access import Token
from lapwise.core.errors import NotFoundError
from lapwise.core.model import Param
from lapwise.store.audit import append
from lapwise.store.database import Database
from lapwise.store.encoding import decode, encode
from lapwise.store.model import AuditDraft
from lapwise.store.schema import token as table

__all__ = ["SqlTokens"]


class SqlTokens:
    """Implements :class:`lapwise.store.access.Tokens`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: Token, hash: str, actor: str) -> Token:
        """Keep a token under the hash of its secret, and audit it; one transaction.

        Raises:
            ConflictError: another token has this hash.
        """
        grants = ", ".join(f"{grant.role} of {grant.product}" for grant in token.grants)
        with self._database.write() as connection:
            self._database.serialise(connection, "audit")
            row = connection.execute(select(table).where(table.c.id == token.id)).first()
            if row is not None:
                return _token(row)
            connection.execute(
                table.insert().values(
                    id=token.id,
                    hash=hash,
                    revoked=token.revoked,
                    used=token.used,
                    body=encode(token),
                )
            )
            more = (
                Param(name="token", value=token.id),
                Param(name="grants", value=grants),
                Param(name="expires", value=token.expires),
            )
            self._audit(connection, "token-add", token, token.created, actor, more)
        return token

    def find(self, hash: str) -> Token | None:
        """Return the token whose secret has this hash, revoked and expired ones too, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.hash == hash)).first()
        return None if row is None else _token(row)

    def list(self) -> Sequence[Token]:
        """Return all tokens, newest first."""
        with self._database.read() as connection:
            found = [_token(row) for row in connection.execute(select(table))]
        return sorted(found, key=lambda one: (one.created, one.id), reverse=True)

    def revoke(self, id: str, at: int, actor: str) -> Token:
        """Let a token open nothing from now on, and audit it; raises NotFoundError."""
        query = select(table).where(table.c.id == id)
        with self._database.write() as connection:
            self._database.serialise(connection, "audit")
            row = connection.execute(query).first()
            if row is None:
                raise NotFoundError("there is no token", value=id, fix="lapwise token list")
            if row.revoked is not None:
                return _token(row)  # it stays revoked since the first time
            connection.execute(table.update().where(table.c.id == id).values(revoked=at))
            found = msgspec.structs.replace(_token(row), revoked=at)
            more = (Param(name="token", value=id),)
            self._audit(connection, "token-revoke", found, at, actor, more)
        return found

    def touch(self, id: str, at: int) -> None:
        """Say when a token was last used."""
        earlier = table.c.used.is_(None) | (table.c.used < at)
        with self._database.write() as connection:
            connection.execute(table.update().where(table.c.id == id, earlier).values(used=at))

    def _audit(
        self,
        connection: Connection,
        action: str,
        token: Token,
        at: int,
        actor: str,
        details: tuple[Param, ...],
    ) -> None:
        subject = f"token:{token.name}"  # never the name of a product
        draft = AuditDraft(at=at, actor=actor, action=action, subject=subject, details=details)
        append(self._database, connection, draft)


def _token(row: Any) -> Token:
    return msgspec.structs.replace(decode(row.body, Token), revoked=row.revoked, used=row.used)
