"""What happened, in order, each written inside the transaction of what it tells of.

The body of an event is a JSON object for whoever is told: ids, numbers, names and states (cut at 500
characters), never a value of the data, a message of an error or a secret.

``lap.ended``
    ``lap`` (id), ``loop``, ``number``, ``state`` (refused, waiting, approved, failed, died),
    ``trigger``, ``seconds``, ``run`` and ``version`` (ids or null). Once for each lap and state.
``version.promoted``
    ``version`` (id), ``model``, ``number``, ``from`` (the stage it left), ``by``, ``run`` (id or null).
``alarm.raised``
    ``alarm`` (id), ``model``, ``number``, ``monitor``, ``kind`` (drift, harm), ``subject``, ``version``
    (id), ``since`` and ``at`` (microseconds of the world's time), ``measured``, ``limit``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, select

from lapwise.core.access import Event, EventKind
from lapwise.core.clock import MachineClock
from lapwise.core.digest import digest_bytes
from lapwise.core.lap import Lap
from lapwise.core.model import AuditEntry, ModelVersion, Stage
from lapwise.core.observation import Alarm
from lapwise.store.database import Database
from lapwise.store.schema import event

__all__ = [
    "SqlEvents",
    "alarm_raised",
    "event_of",
    "lap_ended",
    "last_event",
    "version_promoted",
]

_LONGEST = 500


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
            return [event_of(row) for row in connection.execute(query)]


def event_of(row: Any) -> Event:
    """Return the event that a row of its table holds."""
    return Event(
        number=row.number,
        id=row.id,
        kind=row.kind,
        product=row.product,
        at=row.at,
        body=row.body,
    )


def lap_ended(database: Database, connection: Connection, lap: Lap) -> None:
    """Tell that a lap came to a state in which it rests, once for each such state."""
    if lap.state == "running":
        return
    body = {
        "lap": lap.id,
        "loop": lap.loop,
        "number": lap.number,
        "state": lap.state,
        "trigger": lap.trigger.kind,
        "seconds": lap.seconds,
        "run": lap.run,
        "version": lap.version,
    }
    _tell(database, connection, "lap.ended", lap.loop, (lap.id, lap.state), body)


def version_promoted(
    database: Database,
    connection: Connection,
    version: ModelVersion,
    source: Stage,
    entry: AuditEntry,
) -> None:
    """Tell that a version went to production by an act of the audit log."""
    body = {
        "version": version.id,
        "model": version.model,
        "number": version.number,
        "from": source,
        "by": entry.actor,
        "run": version.lineage.run,
    }
    identity = (version.id, str(entry.sequence))
    _tell(database, connection, "version.promoted", version.model, identity, body)


def alarm_raised(database: Database, connection: Connection, alarm: Alarm) -> None:
    """Tell that an alarm was raised."""
    body = {
        "alarm": alarm.id,
        "model": alarm.model,
        "number": alarm.number,
        "monitor": alarm.monitor,
        "kind": alarm.kind,
        "subject": alarm.subject,
        "version": alarm.version,
        "since": alarm.since,
        "at": alarm.at,
        "measured": alarm.measured,
        "limit": alarm.limit,
    }
    _tell(database, connection, "alarm.raised", alarm.model, (alarm.id,), body)


def last_event(database: Database, connection: Connection) -> int:
    """Return the number of the last event, 0 for none; none can come before this transaction ends."""
    database.serialise(connection, "event")
    return connection.scalar(select(func.max(event.c.number))) or 0


def _tell(
    database: Database,
    connection: Connection,
    kind: EventKind,
    product: str,
    identity: tuple[str, ...],
    body: dict[str, object],
) -> None:
    # Numbers are given in the order of commits, or who follows them would step over one that is
    # still on its way. Nobody takes another lock after this one.
    last = last_event(database, connection)
    short = {k: v[:_LONGEST] if isinstance(v, str) else v for k, v in body.items()}
    connection.execute(
        database.insert(event)
        .values(
            number=last + 1,
            id=digest_bytes("\0".join((kind, *identity)).encode())[:32],
            kind=kind,
            product=product,
            at=MachineClock().timestamp(),
            body=msgspec.json.encode(short).decode(),
        )
        .on_conflict_do_nothing(index_elements=["id"])
    )
