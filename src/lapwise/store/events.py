"""What happened, in order; :mod:`lapwise.store.happened` writes it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from lapwise.core.access import Event, EventKind
from lapwise.store.database import Database
from lapwise.store.schema import event

__all__ = ["SqlEvents"]


class SqlEvents:
    """Implements :class:`lapwise.store.access.Events`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(
        self, *, after: int = 0, kind: EventKind | None = None, limit: int = 100
    ) -> Sequence[Event]:
        """Return events with ``number > after``, oldest first."""
        query = select(event).where(event.c.number > after).order_by(event.c.number).limit(limit)
        if kind is not None:
            query = query.where(event.c.kind == kind)
        with self._database.read() as connection:
            return [
                Event(
                    number=row.number,
                    id=row.id,
                    kind=row.kind,
                    product=row.product,
                    at=row.at,
                    body=row.body,
                )
                for row in connection.execute(query)
            ]
