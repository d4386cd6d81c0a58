"""Exclusive, expiring claims on names, in the database.

Expiry is judged by one clock that all claimants share: PostgreSQL's own (machines may disagree
about the time by minutes), or for SQLite, whose file never leaves its machine, the machine's.
Whoever takes an expired lease gets a higher token, so that late acts of the former holder can be
told from those of the present one. A holder on this very machine whose process is provably gone
(same boot, same process namespace, and no process of that id that started then) need not expire.
"""

from __future__ import annotations

from sqlalchemy import select

from lapwise.store import schema
from lapwise.store.claims import Holding, Taken, is_gone
from lapwise.store.database import Database

__all__ = ["SqlLeases"]

_LEASE = schema.lease.c


class SqlLeases(Holding):
    """Implements :class:`lapwise.store.model.Leases`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, name: str, *, seconds: float, holder: str, process: str) -> Taken:
        """Take a name that is free, expired, or whose holder is provably gone."""
        with self._database.write() as connection:
            self._database.serialise(connection, f"lease:{name}")
            now = self._database.now(connection)
            row = connection.execute(select(schema.lease).where(_LEASE.name == name)).first()
            is_live = row is not None and row.expires > now
            if row is not None and is_live and row.process == process:
                return Taken(token=row.token, holder=row.holder, since=row.since)
            if row is not None and is_live and not is_gone(row.process):
                return Taken(token=0, holder=row.holder, since=row.since)
            token = row.token + 1 if row is not None else 1
            values = {
                "name": name,
                "holder": holder,
                "process": process,
                "token": token,
                "since": now,
                "expires": now + int(seconds * 1e6),
            }
            connection.execute(self._database.upsert(schema.lease), values)
        return Taken(token=token, holder=holder, since=now)

    def renew(self, name: str, token: int, *, seconds: float) -> Taken:
        """Extend a claim if it still is this token's."""
        with self._database.write() as connection:
            expires = self._database.now(connection) + int(seconds * 1e6)
            ours = (_LEASE.name == name) & (_LEASE.token == token) & (_LEASE.expires > 0)
            kept = connection.execute(schema.lease.update().where(ours).values(expires=expires))
            query = select(_LEASE.holder, _LEASE.since).where(_LEASE.name == name)
            row = connection.execute(query).first()
        holder, since = row if row is not None else ("nobody", 0)
        return Taken(token=token if kept.rowcount else 0, holder=holder, since=since)

    def release(self, name: str, token: int) -> None:
        """Give a claim back if it still is this token's; the row stays, so that tokens only grow."""
        ours = (_LEASE.name == name) & (_LEASE.token == token)
        with self._database.write() as connection:
            connection.execute(schema.lease.update().where(ours).values(expires=0))
