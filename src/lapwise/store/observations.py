"""What monitoring counted: hours of each version, days of each model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, select

from lapwise.core.observation import DayPerformance, HourCounts
from lapwise.store import schema
from lapwise.store.boundary import crossing
from lapwise.store.database import Database
from lapwise.store.encoding import decode, encode

__all__ = ["SqlObservations"]

_HOUR = schema.hour_counts.c
_DAY = schema.day_performance.c

T = TypeVar("T")


class SqlObservations:
    """Implements :class:`lapwise.store.live.Observations`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._set_hours = database.upsert(schema.hour_counts)
        self._set_days = database.upsert(schema.day_performance)

    def save(self, hours: Sequence[HourCounts] = (), days: Sequence[DayPerformance] = ()) -> None:
        """Keep hours by (model, version, hour) and days by (model, day), in one transaction.

        Of two with one key in a call, the later is kept.
        """
        counted = {(one.model, one.hour, one.version): one for one in hours}
        judged = {(one.model, one.day): one for one in days}
        if not counted and not judged:
            return
        # One order of rows everywhere, so that two writers cannot wait for each other in a ring.
        hour_rows = [
            {"model": model, "hour": hour, "version": version, "body": encode(one)}
            for (model, hour, version), one in sorted(counted.items(), key=lambda item: item[0])
        ]
        day_rows = [
            {"model": model, "day": day, "body": encode(one)}
            for (model, day), one in sorted(judged.items(), key=lambda item: item[0])
        ]
        with self._database.write() as connection:
            crossing("row", "before")
            if hour_rows:
                connection.execute(self._set_hours, hour_rows)
            if day_rows:
                connection.execute(self._set_days, day_rows)

    def hours(
        self, model: str, *, since: int | None = None, until: int | None = None
    ) -> Sequence[HourCounts]:
        """Return hours with ``since <= hour < until``, oldest first."""
        query = select(_HOUR.body).where(_HOUR.model == model)
        query = _between(query, _HOUR.hour, since, until).order_by(_HOUR.hour, _HOUR.version)
        return self._read(query, HourCounts)

    def days(
        self, model: str, *, since: int | None = None, until: int | None = None
    ) -> Sequence[DayPerformance]:
        """Return days with ``since <= day < until``, oldest first."""
        query = select(_DAY.body).where(_DAY.model == model)
        return self._read(
            _between(query, _DAY.day, since, until).order_by(_DAY.day), DayPerformance
        )

    def _read(self, query: Any, kind: type[T]) -> Sequence[T]:
        with self._database.read() as connection:
            return [decode(body, kind) for body in connection.scalars(query)]


def _between(query: Any, column: Column[Any], since: int | None, until: int | None) -> Any:
    if since is not None:
        query = query.where(column >= since)
    return query if until is None else query.where(column < until)
