"""The ledger of laps."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
from sqlalchemy import func, select

from lapwise.core.errors import NotFoundError
from lapwise.core.lap import Lap
from lapwise.store import schema
from lapwise.store.database import Database
from lapwise.store.encoding import decode, encode
from lapwise.store.events import lap_ended
from lapwise.store.keyset import beyond
from lapwise.store.nearest import nearest

__all__ = ["SqlLaps"]

_NUMBER = re.compile(r"(?:lap )?0*(\d{1,9})")
_LAP = schema.lap.c


class SqlLaps:
    """Implements :class:`lapwise.store.model.Laps`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, lap: Lap) -> Lap:
        """Keep a new lap and give it its ``number`` in its loop."""
        with self._database.write() as connection:
            self._database.serialise(connection, f"lap:{lap.loop}")
            body = connection.scalar(select(_LAP.body).where(_LAP.id == lap.id))
            if body is not None:
                return decode(body, Lap)
            last = connection.scalar(select(func.max(_LAP.number)).where(_LAP.loop == lap.loop))
            lap = msgspec.structs.replace(lap, number=(last or 0) + 1)
            connection.execute(
                schema.lap.insert().values(
                    id=lap.id,
                    loop=lap.loop,
                    number=lap.number,
                    started=lap.started,
                    body=encode(lap),
                )
            )
            lap_ended(self._database, connection, lap)
        return lap

    def update(self, lap: Lap) -> None:
        """Replace the state of a lap that is there; raises NotFoundError."""
        with self._database.write() as connection:
            kept = select(_LAP.number, _LAP.loop).where(_LAP.id == lap.id).with_for_update()
            row = connection.execute(kept).first()
            if row is None:
                raise NotFoundError("there is no lap", value=lap.id, fix="lapwise laps")
            # A lap keeps its place in the ledger, whatever the caller's copy says.
            lap = msgspec.structs.replace(lap, number=row.number, loop=row.loop)
            connection.execute(
                schema.lap.update()
                .where(_LAP.id == lap.id)
                .values(started=lap.started, body=encode(lap))
            )
            lap_ended(self._database, connection, lap)

    def get(self, reference: str, loop: str | None = None) -> Lap:
        """Return a lap by id, or by number in a loop; raises NotFoundError."""
        numbered = _NUMBER.fullmatch(reference)
        query = select(_LAP.body)
        if numbered:
            query = query.where(_LAP.number == int(numbered[1]))
        else:
            query = query.where(_LAP.id == reference)
        if loop is not None:
            query = query.where(_LAP.loop == loop)
        with self._database.read() as connection:
            bodies = list(connection.scalars(query.limit(2)))
            if len(bodies) == 1:
                return decode(bodies[0], Lap)
            loops = sorted(connection.scalars(select(_LAP.loop).distinct()))
        if bodies:
            raise NotFoundError(
                "more than one loop has a lap of this number",
                value=reference,
                expected="also the loop: " + nearest(loop or "", loops),
                fix="lapwise laps",
            )
        where = f" in loop '{loop}'" if loop is not None else ""
        known = nearest(loop, loops) if loop is not None and loop not in loops else ""
        raise NotFoundError(
            f"there is no lap{where}", value=reference, expected=known, fix="lapwise laps"
        )

    def list(self, loop: str | None = None, *, limit: int = 100, after: str = "") -> Sequence[Lap]:
        """Return laps, newest first, those that come after the one with the id ``after``."""
        query = select(_LAP.body).limit(limit)
        newest = _LAP.id
        if loop is not None:
            query, newest = query.where(_LAP.loop == loop), _LAP.number
        with self._database.read() as connection:
            query = beyond(connection, query, _LAP.id, after, (newest, True))
            return [decode(body, Lap) for body in connection.scalars(query)]
