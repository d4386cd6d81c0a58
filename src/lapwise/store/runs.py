"""Runs and what was logged to them."""

from __future__ import annotations

import builtins
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, bindparam, func, select

from lapwise.core.errors import ConflictError, NotFoundError
from lapwise.core.model import (
    Artifact,
    Capture,
    Metric,
    Param,
    Run,
    RunStatus,
    Scalar,
    Tag,
)
from lapwise.store import schema
from lapwise.store.boundary import crossing
from lapwise.store.database import Database, portions
from lapwise.store.encoding import decode, encode, encode_scalar
from lapwise.store.metrics import SqlMetrics

__all__ = ["SqlRuns"]

_NUMBER = re.compile(r"(?:run )?0*(\d{1,9})")
_BY_ID = select(schema.run.c.body).where(schema.run.c.id == bindparam("id"))
_BY_NUMBER = select(schema.run.c.body).where(schema.run.c.number == bindparam("number"))
_NUMBER_OF = select(schema.run.c.number).where(schema.run.c.id == bindparam("id"))
_SCALAR: type[Scalar] = Scalar  # type: ignore[assignment]


class SqlRuns:
    """Implements :class:`lapwise.store.model.Runs`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._metrics = SqlMetrics(database)
        # Building a statement costs more than running it, so those of `log` are built once.
        self._add_batch = database.insert_once(schema.batch).returning(schema.batch.c.id)
        self._add_param = database.insert_once(schema.param)
        self._set_tag = database.upsert(schema.tag)
        self._set_artifact = database.upsert(schema.artifact)

    def create(self, run: Run) -> Run:
        """Keep a new run and give it its ``number`` (counted over the whole store)."""
        with self._database.write() as connection:
            self._database.serialise(connection, "run")
            body = connection.scalar(select(schema.run.c.body).where(schema.run.c.id == run.id))
            if body is not None:
                return decode(body, Run)
            last = connection.scalar(select(func.max(schema.run.c.number)))
            run = msgspec.structs.replace(run, number=(last or 0) + 1)
            crossing("row", "before")
            connection.execute(
                schema.run.insert().values(
                    number=run.number,
                    id=run.id,
                    experiment=run.experiment,
                    status=run.status,
                    lap=run.lap,
                    body=encode(run),
                )
            )
        return run

    def get(self, reference: str) -> Run:
        """Return a run by id, number (``43``, ``043``, ``run 043``); raises NotFoundError."""
        numbered = _NUMBER.fullmatch(reference)
        with self._database.read() as connection:
            if numbered:
                body = connection.scalar(_BY_NUMBER, {"number": int(numbered[1])})
            else:
                body = connection.scalar(_BY_ID, {"id": reference})
            if body is None:
                raise _no_run(connection, reference)
        return decode(body, Run)

    def list(
        self, experiment: str | None = None, *, lap: str | None = None, limit: int = 100
    ) -> Sequence[Run]:
        """Return runs, newest first."""
        query = select(schema.run.c.body).order_by(schema.run.c.number.desc()).limit(limit)
        if experiment is not None:
            query = query.where(schema.run.c.experiment == experiment)
        if lap is not None:
            query = query.where(schema.run.c.lap == lap)
        with self._database.read() as connection:
            return [decode(body, Run) for body in connection.scalars(query)]

    def finish(self, run: str, status: RunStatus, ended: int) -> Run:
        """End a run; ending an ended run changes nothing."""
        with self._database.write() as connection:
            found = self._locked(connection, run)
            if found.status != "running":
                return found
            found = msgspec.structs.replace(found, status=status, ended=ended)
            self._replace(connection, found)
        return found

    def set_capture(self, run: str, capture: Capture) -> None:
        """Say what it takes to repeat the run."""
        with self._database.write() as connection:
            found = self._locked(connection, run)
            self._replace(connection, msgspec.structs.replace(found, capture=capture))

    def log(
        self,
        run: str,
        *,
        params: Sequence[Param] = (),
        metrics: Sequence[Metric] = (),
        tags: Sequence[Tag] = (),
        artifacts: Sequence[Artifact] = (),
        batch: str | None = None,
    ) -> None:
        """Add to a run in one transaction; a repeated ``batch`` id is taken once.

        Raises:
            ConflictError: a parameter has another value already (parameters never change).
        """
        with self._database.write() as connection:
            number = self._number(connection, run)
            if batch is not None and not self._first(connection, number, batch):
                return
            crossing("row", "before")
            self._add_params(connection, number, params)
            _write_last(
                connection,
                self._set_tag,
                [{"run": number, "name": one.name, "value": one.value} for one in tags],
            )
            _write_last(
                connection,
                self._set_artifact,
                [
                    {"run": number, "name": one.name, "digest": one.digest, "size": one.size}
                    for one in artifacts
                ],
            )
            learnt = self._metrics.add(connection, number, metrics)
        self._metrics.learn(learnt)

    def params(self, runs: Sequence[str]) -> dict[str, tuple[Param, ...]]:
        """Return parameters by run id, sorted by name."""
        return {
            one: tuple(Param(name=name, value=decode(value, _SCALAR)) for name, value in rows)
            for one, rows in self._named(schema.param, runs).items()
        }

    def metrics(self, runs: Sequence[str]) -> dict[str, tuple[Metric, ...]]:
        """Return the last value of each metric by run id (highest step, then time), by name."""
        return self._metrics.latest(runs)

    def history(self, run: str, metric: str) -> tuple[Metric, ...]:
        """Return every value of a metric, by (step, at, order of logging)."""
        with self._database.read() as connection:
            return self._metrics.history(connection, self._number(connection, run), metric)

    def tags(self, runs: Sequence[str]) -> dict[str, tuple[Tag, ...]]:
        """Return tags by run id, sorted by name; the last value written wins."""
        return {
            one: tuple(Tag(name=name, value=value) for name, value in rows)
            for one, rows in self._named(schema.tag, runs).items()
        }

    def artifacts(self, run: str) -> tuple[Artifact, ...]:
        """Return artifacts by name; the last one written under a name wins."""
        with self._database.read() as connection:
            query = select(schema.artifact.c.name, schema.artifact.c.digest, schema.artifact.c.size)
            query = query.where(schema.artifact.c.run == self._number(connection, run))
            return tuple(
                Artifact(name=name, digest=digest, size=size)
                for name, digest, size in sorted(connection.execute(query))
            )

    def _locked(self, connection: Connection, run: str) -> Run:
        query = select(schema.run.c.body).where(schema.run.c.id == run).with_for_update()
        body = connection.scalar(query)
        if body is None:
            raise _no_run(connection, run)
        return decode(body, Run)

    def _replace(self, connection: Connection, run: Run) -> None:
        crossing("row", "before")
        connection.execute(
            schema.run.update()
            .where(schema.run.c.id == run.id)
            .values(status=run.status, body=encode(run))
        )

    def _number(self, connection: Connection, run: str) -> int:
        number = connection.scalar(_NUMBER_OF, {"id": run})
        if number is None:
            raise _no_run(connection, run)
        return int(number)

    def _first(self, connection: Connection, number: int, batch: str) -> bool:
        row = connection.execute(self._add_batch, {"run": number, "id": batch}).first()
        return row is not None

    def _add_params(self, connection: Connection, number: int, params: Sequence[Param]) -> None:
        if not params:
            return
        wanted = [(one.name, encode_scalar(one.value)) for one in params]
        rows = [{"run": number, "name": name, "value": value} for name, value in sorted(wanted)]
        connection.execute(self._add_param, rows)
        columns = schema.param.c
        query = select(columns.name, columns.value).where(columns.run == number)
        kept = {row.name: row.value for row in connection.execute(query)}
        for name, value in wanted:
            if kept[name] != value:
                raise ConflictError(
                    f"parameter '{name}' of run {number:03d} is {kept[name]} and never changes",
                    value=decode(value, _SCALAR),
                    expected="the value it was first logged with",
                    fix="log it under another name, or start another run",
                )

    def _named(self, table: Table, runs: Sequence[str]) -> dict[str, builtins.list[Any]]:
        found: dict[str, builtins.list[Any]] = {one: [] for one in runs}
        query = select(schema.run.c.id, table.c.name, table.c.value).join_from(table, schema.run)
        with self._database.read() as connection:
            for some in portions(runs):
                for one, name, value in connection.execute(query.where(schema.run.c.id.in_(some))):
                    found[one].append((name, value))
        return {one: sorted(rows) for one, rows in found.items()}


def _write_last(connection: Connection, upsert: Any, rows: builtins.list[dict[str, Any]]) -> None:
    last = {row["name"]: row for row in rows}  # PostgreSQL takes a row only once a statement
    if last:
        connection.execute(upsert, [last[name] for name in sorted(last)])


def _no_run(connection: Connection, reference: str) -> NotFoundError:
    query = select(schema.run.c.number).order_by(schema.run.c.number.desc()).limit(1)
    newest = connection.scalar(query)
    return NotFoundError(
        "there is no run",
        value=reference,
        expected=f"a run's id, or a number up to {newest:03d}" if newest else "a run; none is kept",
        fix="lapwise runs",
    )
