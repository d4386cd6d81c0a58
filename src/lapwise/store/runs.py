"""Runs and what was logged to them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, bindparam, func, select, union

from lapwise.core.digest import Digest
from lapwise.core.errors import ConflictError, NotFoundError
from lapwise.core.model import Artifact, Capture, Metric, Param, Run, RunStatus, Tag
from lapwise.core.tracked import Page, RunInput, RunSummary
from lapwise.store import schema
from lapwise.store.boundary import crossing
from lapwise.store.database import Database, portions
from lapwise.store.encoding import checked, decode, encode
from lapwise.store.experiments import keep_experiment
from lapwise.store.inputs import add_capture, add_inputs
from lapwise.store.liveness import as_seen, read_run
from lapwise.store.metrics import SqlMetrics
from lapwise.store.params import add_params
from lapwise.store.summaries import (
    Columns,
    inputs_of,
    metrics_of,
    params_of,
    summaries,
    tags_of,
)

__all__ = ["SqlRuns"]

R = TypeVar("R")

_NUMBER = re.compile(r"(?:run )?0*(\d{1,9})")
_RUN = schema.run.c
_BY_ID = select(_RUN.body).where(_RUN.id == bindparam("id"))
_BY_NUMBER = select(_RUN.body).where(_RUN.number == bindparam("number"))
_NUMBER_OF = select(_RUN.number).where(_RUN.id == bindparam("id"))
# Rows that name this one (of `param`, of `metric_latest`) may be added meanwhile.
_LOCKED = _BY_ID.with_for_update(key_share=True)


class SqlRuns:
    """Implements :class:`lapwise.store.tracked.Runs`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._metrics = SqlMetrics(database)
        # Building a statement costs more than running it, so those of `log` are built once.
        self._add_batch = database.insert_once(schema.batch).returning(schema.batch.c.id)
        self._add_param = database.insert_once(schema.param)

    def create(self, run: Run) -> Run:
        """Keep a new run and give it its ``number`` (counted over the whole store).

        Its experiment is made if there is none, and a ``beat`` is that of the store's clock.

        Raises:
            ConflictError: its experiment is archived.
        """
        with self._database.write() as connection:
            self._database.serialise(connection, "run")
            body = connection.scalar(_BY_ID, {"id": run.id})
            now = self._database.now(connection)
            if body is not None:
                return read_run(body, now)
            home = keep_experiment(self._database, connection, run.experiment, run.started)
            if home.archived:
                raise ConflictError(
                    "the run's experiment is archived",
                    value=run.experiment,
                    expected="an experiment in use",
                    fix="restore the experiment, or name another",
                )
            last = connection.scalar(select(func.max(_RUN.number)))
            beat = None if run.beat is None else now
            run = checked(msgspec.structs.replace(run, number=(last or 0) + 1, beat=beat))
            crossing("row", "before")
            connection.execute(
                schema.run.insert().values(
                    number=run.number, id=run.id, lap=run.lap, **_changing(run)
                )
            )
            add_capture(self._database, connection, run.number, run.capture)
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
            return read_run(body, self._database.now(connection))

    def list(
        self, experiment: str | None = None, *, lap: str | None = None, limit: int = 100
    ) -> Sequence[Run]:
        """Return runs that are not archived, newest first."""
        query = select(_RUN.body).where(_RUN.archived == 0)
        query = query.order_by(_RUN.number.desc()).limit(limit)
        if experiment is not None:
            query = query.where(_RUN.experiment == experiment)
        if lap is not None:
            query = query.where(_RUN.lap == lap)
        with self._database.read() as connection:
            now = self._database.now(connection)
            return [read_run(body, now) for body in connection.scalars(query)]

    def search(
        self,
        where: str = "",
        *,
        experiments: Sequence[str] = (),
        order: Sequence[str] = (),
        columns: Sequence[str] | None = None,
        archived: bool | None = False,
        limit: int = 100,
        after: str = "",
    ) -> Page[RunSummary]:
        """Return the runs for which ``where`` is true, a page at a time.

        See :meth:`lapwise.store.tracked.Runs.search` for the language, the arguments and the errors.
        """
        from lapwise.store.search.page import Asked, check_few, fetch
        from lapwise.store.search.runs import run_subject

        check_few(experiments, "experiments")
        check_few(columns, "columns")
        wanted = Columns.of(columns)
        scope = [] if archived is None else [_RUN.archived == int(archived)]
        if experiments:
            scope.append(_RUN.experiment.in_(sorted(set(experiments))))
        asked = Asked(
            where=where,
            order=order,
            limit=limit,
            after=after,
            salt=(str(archived), *sorted(set(experiments))),
        )
        subject = run_subject(self._database)
        with self._database.snapshot() as connection:
            now = self._database.now(connection)
            rows, following = fetch(connection, subject, [_RUN.number, _RUN.body], asked, scope)
            found = [(row.number, read_run(row.body, now)) for row in rows]
            return Page(summaries(connection, found, wanted), following)

    def finish(self, run: str, status: RunStatus, ended: int) -> Run:
        """End a run; ending an ended run changes nothing."""
        with self._database.write() as connection:
            found = self._locked(connection, run)
            if found.status != "running":
                return found
            found = msgspec.structs.replace(found, status=status, ended=ended)
            self._replace(connection, found)
        return found

    def update(
        self,
        run: str,
        *,
        name: str | None = None,
        status: RunStatus | None = None,
        ended: int | None = None,
        archived: bool | None = None,
    ) -> Run:
        """Change what is given, whatever the run's state; ``status`` ``running`` opens it again.

        A run that is opened again has no end and no beat: whoever opened it may never beat.

        Raises:
            NotFoundError: there is no such run.
        """
        with self._database.write() as connection:
            old = self._locked(connection, run)
            given = {"name": name, "status": status, "ended": ended, "archived": archived}
            changed: dict[str, Any] = {key: one for key, one in given.items() if one is not None}
            if status == "running" and old.status != "running":
                changed = {"ended": None, "beat": None, **changed}
            new = msgspec.structs.replace(old, **changed)
            if new != old:
                self._replace(connection, new)
            return as_seen(new, self._database.now(connection))

    def beat(self, run: str) -> RunStatus:
        """Say that the run's process lives, as of the store's clock; return the run's status."""
        with self._database.write() as connection:
            found = self._locked(connection, run)
            if found.status == "running":
                now = self._database.now(connection)
                self._replace(connection, msgspec.structs.replace(found, beat=now))
        return found.status

    def set_capture(self, run: str, capture: Capture) -> None:
        """Say what it takes to repeat the run; the datasets it names are inputs of the run."""
        with self._database.write() as connection:
            found = self._locked(connection, run)
            self._replace(connection, msgspec.structs.replace(found, capture=capture))
            add_capture(self._database, connection, found.number, capture)

    def log(
        self,
        run: str,
        *,
        params: Sequence[Param] = (),
        metrics: Sequence[Metric] = (),
        tags: Sequence[Tag] = (),
        artifacts: Sequence[Artifact] = (),
        inputs: Sequence[RunInput] = (),
        batch: str | None = None,
    ) -> None:
        """Add to a run in one transaction; a repeated ``batch`` id is taken once.

        An input with the name and digest of one that is there replaces it.

        Raises:
            ConflictError: a parameter has another value already (parameters never change).
        """
        with self._database.write() as connection:
            number = self._number(connection, run)
            if batch is not None and not self._first(connection, number, batch):
                return
            crossing("row", "before")
            whose = f"run {number:03d}"
            add_params(connection, self._add_param, schema.param.c.run, number, params, whose)
            tagged = [{"run": number, "name": one.name, "value": one.value} for one in tags]
            self._database.replace(connection, schema.tag, tagged)
            kept = [
                {"run": number, "name": one.name, "digest": one.digest, "size": one.size}
                for one in artifacts
            ]
            self._database.replace(connection, schema.artifact, kept)
            add_inputs(self._database, connection, number, inputs)
            learnt = self._metrics.add(connection, number, metrics)
        self._metrics.learn(learnt)

    def params(self, runs: Sequence[str]) -> dict[str, tuple[Param, ...]]:
        """Return parameters by run id, sorted by name."""
        return self._of(runs, params_of)

    def metrics(self, runs: Sequence[str]) -> dict[str, tuple[Metric, ...]]:
        """Return the last value of each metric by run id (highest step, then time), by name."""
        return self._of(runs, metrics_of)

    def history(self, run: str, metric: str) -> tuple[Metric, ...]:
        """Return every value of a metric, by (step, at, order of logging)."""
        with self._database.read() as connection:
            return self._metrics.history(connection, self._number(connection, run), metric)

    def points(self, run: str, metric: str, *, limit: int = 1000, after: str = "") -> Page[Metric]:
        """Return the values of a metric a page at a time, in the order of :meth:`history`."""
        with self._database.snapshot() as connection:
            number = self._number(connection, run)
            return self._metrics.points(connection, number, metric, limit=limit, after=after)

    def curve(
        self,
        run: str,
        metric: str,
        *,
        points: int = 320,
        start: int | None = None,
        end: int | None = None,
    ) -> tuple[Metric, ...]:
        """Return at most ``points`` values that look like all of them, by step.

        See :meth:`lapwise.store.tracked.Runs.curve`.
        """
        with self._database.snapshot() as connection:
            number = self._number(connection, run)
            return self._metrics.curve(
                connection, number, metric, points=points, start=start, end=end
            )

    def untag(self, run: str, names: Sequence[str]) -> None:
        """Remove tags; those that are not there are left at that."""
        columns = schema.tag.c
        with self._database.write() as connection:
            number = self._number(connection, run)
            for some in portions(sorted(set(names))):
                gone = schema.tag.delete().where(columns.run == number, columns.name.in_(some))
                connection.execute(gone)

    def inputs(self, runs: Sequence[str]) -> dict[str, tuple[RunInput, ...]]:
        """Return datasets that runs read, by run id, in the order in which they were logged."""
        return self._of(runs, inputs_of)

    def holders(self, digest: Digest) -> tuple[str, ...]:
        """Return the experiments of which a run names a blob, as an artifact or in its capture."""
        named = union(
            select(schema.artifact.c.run).where(schema.artifact.c.digest == digest),
            select(schema.run_blob.c.run).where(schema.run_blob.c.digest == digest),
        )
        query = select(_RUN.experiment).where(_RUN.number.in_(named)).distinct()
        with self._database.read() as connection:
            return tuple(sorted(connection.scalars(query)))

    def tags(self, runs: Sequence[str]) -> dict[str, tuple[Tag, ...]]:
        """Return tags by run id, sorted by name; the last value written wins."""
        return self._of(runs, tags_of)

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
        body = connection.scalar(_LOCKED, {"id": run})
        if body is None:
            raise _no_run(connection, run)
        return decode(body, Run)

    def _replace(self, connection: Connection, run: Run) -> None:
        crossing("row", "before")
        connection.execute(schema.run.update().where(_RUN.id == run.id).values(**_changing(run)))

    def _number(self, connection: Connection, run: str) -> int:
        number = connection.scalar(_NUMBER_OF, {"id": run})
        if number is None:
            raise _no_run(connection, run)
        return int(number)

    def _first(self, connection: Connection, number: int, batch: str) -> bool:
        row = connection.execute(self._add_batch, {"run": number, "id": batch}).first()
        return row is not None

    def _of(
        self,
        runs: Sequence[str],
        read: Callable[[Connection, Sequence[int]], dict[int, tuple[R, ...]]],
    ) -> dict[str, tuple[R, ...]]:
        """Return what ``read`` gives for runs, by id; those that are not there have nothing."""
        found: dict[str, tuple[R, ...]] = dict.fromkeys(runs, ())
        with self._database.read() as connection:
            for some in portions(runs):
                query = select(_RUN.number, _RUN.id).where(_RUN.id.in_(some))
                ids = {row.number: row.id for row in connection.execute(query)}
                found.update(
                    (ids[number], got) for number, got in read(connection, list(ids)).items()
                )
        return found


def _changing(run: Run) -> dict[str, Any]:
    """Return the columns that repeat what the body says, so that it can be searched."""
    capture = run.capture
    return {
        "experiment": run.experiment,
        "status": run.status,
        "name": run.name,
        "user": run.user,
        "started": run.started,
        "ended": run.ended,
        "parent": run.parent,
        "code": (capture.commit or capture.code or "") if capture else "",
        "beat": run.beat,
        "archived": int(run.archived),
        "body": encode(run),
    }


def _no_run(connection: Connection, reference: str) -> NotFoundError:
    query = select(_RUN.number).order_by(_RUN.number.desc()).limit(1)
    newest = connection.scalar(query)
    return NotFoundError(
        "there is no run",
        value=reference,
        expected=f"a run's id, or a number up to {newest:03d}" if newest else "a run; none is kept",
        fix="lapwise runs",
    )
