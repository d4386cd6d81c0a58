"""Points of metrics, packed: fast to add by the thousand, exact for NaN and infinities."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from sqlalchemy import Connection, select, tuple_

from lapwise.core.errors import StoreError
from lapwise.core.model import Metric
from lapwise.store.database import Database, portions
from lapwise.store.schema import metric_chunk, metric_key, metric_latest, run

__all__ = ["SqlMetrics"]


class SqlMetrics:
    """The part of :class:`lapwise.store.runs.SqlRuns` that keeps metrics."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._keys: dict[str, int] = {}
        self._add_chunk = metric_chunk.insert()
        self._add_key = database.insert_once(metric_key)
        statement = database.insert(metric_latest)
        new = statement.excluded
        self._set_latest = statement.on_conflict_do_update(
            index_elements=["run", "key"],
            set_={"step": new.step, "at": new.at, "value": new.value},
            where=tuple_(new.step, new.at) >= tuple_(metric_latest.c.step, metric_latest.c.at),
        )

    def add(self, connection: Connection, number: int, metrics: Sequence[Metric]) -> dict[str, int]:
        """Add points to a run inside a transaction; return ids of names to :meth:`learn` after it.

        Raises:
            StoreError: a step or a time is beyond 64 bits.
        """
        if not metrics:
            return {}
        by_name: dict[str, list[Metric]] = {}
        for point in metrics:
            by_name.setdefault(point.name, []).append(point)
        learnt = self._intern(connection, sorted(set(by_name) - set(self._keys)))
        key = {**self._keys, **learnt}
        names = sorted(by_name, key=lambda name: key[name])  # one order of locks everywhere
        connection.execute(
            self._add_chunk,
            [{"run": number, "key": key[name], "points": _pack(by_name[name])} for name in names],
        )
        last = {name: _last(points) for name, points in by_name.items()}
        connection.execute(
            self._set_latest,
            [
                {
                    "run": number,
                    "key": key[name],
                    "step": last[name].step,
                    "at": last[name].at,
                    "value": None if math.isnan(last[name].value) else last[name].value,
                }
                for name in names
            ],
        )
        return learnt

    def learn(self, keys: dict[str, int]) -> None:
        """Remember the ids of names, once the transaction that made them is kept."""
        self._keys.update(keys)

    def latest(self, runs: Sequence[str]) -> dict[str, tuple[Metric, ...]]:
        """Return the last value of each metric by run id (highest step, then time), by name."""
        found: dict[str, list[Metric]] = {one: [] for one in runs}
        columns = metric_latest.c
        query = (
            select(run.c.id, metric_key.c.name, columns.value, columns.step, columns.at)
            .join_from(metric_latest, run)
            .join(metric_key, metric_key.c.id == columns.key)
        )
        with self._database.read() as connection:
            for some in portions(runs):
                for one, name, value, step, at in connection.execute(
                    query.where(run.c.id.in_(some))
                ):
                    exact = math.nan if value is None else value
                    found[one].append(Metric(name=name, value=exact, step=step, at=at))
        return {
            one: tuple(sorted(metrics, key=lambda metric: metric.name))
            for one, metrics in found.items()
        }

    def history(self, connection: Connection, number: int, name: str) -> tuple[Metric, ...]:
        """Return every value of a metric, by (step, at, order of logging)."""
        query = (
            select(metric_chunk.c.points)
            .join(metric_key, metric_key.c.id == metric_chunk.c.key)
            .where(metric_chunk.c.run == number, metric_key.c.name == name)
            .order_by(metric_chunk.c.id)
        )
        points = [
            Metric(name=name, value=value, step=step, at=at)
            for packed in connection.scalars(query)
            for step, at, value in _unpack(packed)
        ]
        return tuple(sorted(points, key=lambda point: (point.step, point.at)))

    def _intern(self, connection: Connection, names: list[str]) -> dict[str, int]:
        if not names:
            return {}
        connection.execute(self._add_key, [{"name": name} for name in names])
        found: dict[str, int] = {}
        for some in portions(names):
            query = select(metric_key.c.name, metric_key.c.id).where(metric_key.c.name.in_(some))
            found.update((name, key) for name, key in connection.execute(query))
        return found


def _last(points: Sequence[Metric]) -> Metric:
    last = points[0]
    for point in points:
        if (point.step, point.at) >= (last.step, last.at):
            last = point
    return last


def _pack(points: Sequence[Metric]) -> bytes:
    count = len(points)
    try:
        return struct.pack(
            f"<{2 * count}q{count}d",
            *(point.step for point in points),
            *(point.at for point in points),
            *(point.value for point in points),
        )
    except (struct.error, OverflowError) as error:
        raise StoreError(
            f"metric '{points[0].name}' cannot be kept",
            value=str(error),
            expected="a step and a time that are integers of at most 64 bits, a value that is a float",
        ) from error


def _unpack(packed: bytes) -> zip[tuple[int, int, float]]:
    count = len(packed) // 24
    numbers = struct.unpack(f"<{2 * count}q{count}d", packed)
    return zip(numbers[:count], numbers[count : 2 * count], numbers[2 * count :], strict=True)
