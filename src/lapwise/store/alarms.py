"""What monitors raised, each alarm once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import func, select

from lapwise.core.observation import Alarm
from lapwise.store import schema
from lapwise.store.boundary import crossing
from lapwise.store.database import Database
from lapwise.store.encoding import decode, encode
from lapwise.store.events import alarm_raised
from lapwise.store.keyset import beyond

__all__ = ["SqlAlarms"]

_ALARM = schema.alarm.c


class SqlAlarms:
    """Implements :class:`lapwise.store.live.Alarms`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, alarm: Alarm) -> Alarm:
        """Keep an alarm and give it its ``number`` in its model; same id, the one that is there."""
        with self._database.write() as connection:
            self._database.serialise(connection, f"alarm:{alarm.model}")
            body = connection.scalar(select(_ALARM.body).where(_ALARM.id == alarm.id))
            if body is not None:
                return decode(body, Alarm)
            last = connection.scalar(
                select(func.max(_ALARM.number)).where(_ALARM.model == alarm.model)
            )
            alarm = msgspec.structs.replace(alarm, number=(last or 0) + 1)
            crossing("row", "before")
            connection.execute(
                schema.alarm.insert().values(
                    id=alarm.id,
                    model=alarm.model,
                    number=alarm.number,
                    at=alarm.at,
                    body=encode(alarm),
                )
            )
            alarm_raised(self._database, connection, alarm)
        return alarm

    def list(
        self,
        model: str | None = None,
        *,
        since: int | None = None,
        limit: int = 100,
        after: str = "",
    ) -> Sequence[Alarm]:
        """Return alarms raised at or after ``since``, newest first.

        ``after`` is the id of the last one seen; empty for the beginning.
        """
        query = select(_ALARM.body).limit(limit)
        if model is not None:
            query = query.where(_ALARM.model == model)
        if since is not None:
            query = query.where(_ALARM.at >= since)
        order = [(_ALARM.at, True), (_ALARM.number, True), (_ALARM.model, False)]
        with self._database.read() as connection:
            query = beyond(connection, query, _ALARM.id, after, *order)
            return [decode(body, Alarm) for body in connection.scalars(query)]
