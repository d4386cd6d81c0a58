"""Logged models: what runs saved before anybody registered it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from lapwise.core.digest import Digest
from lapwise.core.errors import NotFoundError
from lapwise.core.model import Artifact, Metric, Param, Scalar, Tag
from lapwise.core.tracked import LoggedMetric, LoggedModel, LoggedStatus, Page
from lapwise.store import schema
from lapwise.store.boundary import crossing
from lapwise.store.database import Database, portions
from lapwise.store.encoding import decode, encode
from lapwise.store.labels import write_labels
from lapwise.store.params import add_params

__all__ = ["SqlLoggedModels"]

_MODEL = schema.logged_model.c
_PARAM = schema.logged_param.c
_METRIC = schema.logged_metric.c
_ARTIFACT = schema.logged_artifact.c
_GIVEN = schema.run_output.c
_SCALAR: type[Scalar] = Scalar  # type: ignore[assignment]


class SqlLoggedModels:
    """Implements :class:`lapwise.store.tracked.LoggedModels`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, model: LoggedModel, labels: Sequence[Tag] = ()) -> LoggedModel:
        """Keep a new one with its labels; same id, the one that is there."""
        with self._database.write() as connection:
            self._database.serialise(connection, f"logged:{model.id}")
            body = connection.scalar(_body_of(model.id))
            if body is not None:
                return _read(connection, [body])[0]
            crossing("row", "before")
            connection.execute(schema.logged_model.insert().values(_row(model)))
            self._add_params(connection, model.id, model.params)
            write_labels(self._database, connection, "logged", model.id, labels)
            return _read(connection, [_body(model)])[0]

    def get(self, id: str) -> LoggedModel:
        """Return one by id; raises NotFoundError."""
        with self._database.read() as connection:
            body = connection.scalar(_body_of(id))
            if body is None:
                raise _no_model(id)
            return _read(connection, [body])[0]

    def update(
        self,
        id: str,
        *,
        at: int,
        status: LoggedStatus | None = None,
        message: str | None = None,
        archived: bool | None = None,
    ) -> LoggedModel:
        """Change what is given; raises NotFoundError."""
        given = {"status": status, "message": message, "archived": archived}
        changed = {name: value for name, value in given.items() if value is not None}
        with self._database.write() as connection:
            found = _locked(connection, id)
            found = msgspec.structs.replace(found, updated=at, **changed)
            connection.execute(
                schema.logged_model.update().where(_MODEL.id == id).values(_row(found))
            )
            return _read(connection, [_body(found)])[0]

    def search(
        self,
        where: str = "",
        *,
        experiments: Sequence[str] = (),
        order: Sequence[str] = (),
        limit: int = 100,
        after: str = "",
    ) -> Page[LoggedModel]:
        """Return logged models for which ``where`` is true, the newest first.

        As :meth:`Runs.search` reads it: ``name``, ``model_id``, ``status``, ``source_run_id``,
        ``creation_timestamp``, ``params.NAME``, ``tags.NAME``, ``metrics.NAME``.
        """
        from lapwise.store.search.logged import logged_subject
        from lapwise.store.search.page import Asked, check_few, fetch

        check_few(experiments, "experiments")
        scope = [_MODEL.archived == 0]
        if experiments:
            scope.append(_MODEL.experiment.in_(experiments))
        # Ids of MLflow's clients are random, so time is what says which is newest.
        newest = [*order, "created DESC"]
        asked = Asked(
            where=where, order=newest, limit=limit, after=after, salt=tuple(sorted(experiments))
        )
        subject = logged_subject(self._database)
        with self._database.read() as connection:
            rows, following = fetch(connection, subject, [_MODEL.body], asked, scope)
            found = _read(connection, [row.body for row in rows])
        return Page(tuple(found), following)

    def log(
        self,
        id: str,
        *,
        metrics: Sequence[LoggedMetric] = (),
        params: Sequence[Param] = (),
        artifacts: Sequence[Artifact] = (),
    ) -> None:
        """Add to a logged model in one transaction.

        A metric of the same name, run, dataset and step is replaced.

        Raises:
            NotFoundError: there is no such logged model.
            ConflictError: a parameter has another value already (parameters never change).
        """
        with self._database.write() as connection:
            _locked(connection, id)
            crossing("row", "before")
            self._add_params(connection, id, params)
            self._database.replace(
                connection, schema.logged_metric, [_metric_row(id, one) for one in metrics]
            )
            self._database.replace(
                connection,
                schema.logged_artifact,
                [
                    {"model": id, "name": one.name, "digest": one.digest, "size": one.size}
                    for one in artifacts
                ],
            )

    def metrics(self, ids: Sequence[str]) -> dict[str, tuple[LoggedMetric, ...]]:
        """Return metrics by id of the logged model, by name, then dataset, then step."""
        found: dict[str, list[LoggedMetric]] = {id: [] for id in ids}
        query = select(schema.logged_metric).order_by(
            _METRIC.name, _METRIC.dataset, _METRIC.digest, _METRIC.step, _METRIC.run
        )
        with self._database.read() as connection:
            for some in portions(list(found)):
                for row in connection.execute(query.where(_METRIC.model.in_(some))):
                    found[row.model].append(_metric(row))
        return {id: tuple(metrics) for id, metrics in found.items()}

    def artifacts(self, id: str) -> tuple[Artifact, ...]:
        """Return artifacts by name; the last one written under a name wins."""
        query = select(_ARTIFACT.name, _ARTIFACT.digest, _ARTIFACT.size)
        with self._database.read() as connection:
            _check_there(connection, [id])
            rows = connection.execute(query.where(_ARTIFACT.model == id)).all()
        return tuple(
            Artifact(name=name, digest=digest, size=size) for name, digest, size in sorted(rows)
        )

    def holders(self, digest: Digest) -> tuple[str, ...]:
        """Return the experiments of which a logged model names a blob."""
        query = select(_MODEL.experiment).join(schema.logged_artifact, _ARTIFACT.model == _MODEL.id)
        query = query.where(_ARTIFACT.digest == digest).distinct().order_by(_MODEL.experiment)
        with self._database.read() as connection:
            return tuple(connection.scalars(query))

    def of_run(self, run: str) -> tuple[tuple[str, int], ...]:
        """Return (id, step) of the logged models that a run gave, in order."""
        return self.of_runs([run])[run]

    def of_runs(self, runs: Sequence[str]) -> dict[str, tuple[tuple[str, int], ...]]:
        """Return what :meth:`of_run` does, by run id."""
        found: dict[str, list[tuple[str, int]]] = {run: [] for run in runs}
        query = select(schema.run.c.id, _GIVEN.model, _GIVEN.step).join(
            schema.run, schema.run.c.number == _GIVEN.run
        )
        query = query.order_by(_GIVEN.step, _GIVEN.model)
        with self._database.read() as connection:
            for some in portions(list(found)):
                rows = connection.execute(query.where(schema.run.c.id.in_(some)))
                for run, model, step in rows:
                    found[run].append((model, step))
        return {run: tuple(given) for run, given in found.items()}

    def give(self, run: str, models: Sequence[tuple[str, int]]) -> None:
        """Say that a run gave logged models, each at a step.

        Raises:
            NotFoundError: there is no such run, or no such logged model.
        """
        with self._database.write() as connection:
            number = connection.scalar(select(schema.run.c.number).where(schema.run.c.id == run))
            if number is None:
                raise NotFoundError("there is no run", value=run, fix="lapwise runs")
            _check_there(connection, [id for id, _ in models])
            self._database.replace(
                connection,
                schema.run_output,
                [{"run": number, "model": id, "step": step} for id, step in models],
            )

    def _add_params(self, connection: Connection, id: str, params: Sequence[Param]) -> None:
        add = self._database.insert_once(schema.logged_param)
        add_params(connection, add, _PARAM.model, id, params, "the logged model")


def _body(model: LoggedModel) -> str:
    return encode(msgspec.structs.replace(model, params=()))  # those have a table


def _body_of(id: str) -> Any:
    return select(_MODEL.body).where(_MODEL.id == id)


def _row(model: LoggedModel) -> dict[str, Any]:
    return {
        "id": model.id,
        "experiment": model.experiment,
        "run": model.run,
        "name": model.name,
        "status": model.status,
        "created": model.created,
        "updated": model.updated,
        "archived": int(model.archived),
        "body": _body(model),
    }


def _read(connection: Connection, bodies: Sequence[str]) -> list[LoggedModel]:
    """Return logged models with their parameters, sorted by name."""
    models = [decode(body, LoggedModel) for body in bodies]
    params: dict[str, list[Param]] = {one.id: [] for one in models}
    query = select(_PARAM.model, _PARAM.name, _PARAM.value).order_by(_PARAM.name)
    for some in portions(list(params)):
        for id, name, value in connection.execute(query.where(_PARAM.model.in_(some))):
            params[id].append(Param(name=name, value=decode(value, _SCALAR)))
    return [msgspec.structs.replace(one, params=tuple(params[one.id])) for one in models]


def _locked(connection: Connection, id: str) -> LoggedModel:
    body = connection.scalar(_body_of(id).with_for_update())
    if body is None:
        raise _no_model(id)
    return decode(body, LoggedModel)


def _check_there(connection: Connection, ids: Sequence[str]) -> None:
    for some in portions(ids):
        there = set(connection.scalars(select(_MODEL.id).where(_MODEL.id.in_(some))))
        for id in some:
            if id not in there:
                raise _no_model(id)


def _metric_row(id: str, one: LoggedMetric) -> dict[str, Any]:
    value = one.metric.value
    return {
        "model": id,
        "name": one.metric.name,
        "run": one.run,
        "dataset": one.dataset,
        "digest": one.digest,
        "step": one.metric.step,
        "at": one.metric.at,
        "value": None if math.isnan(value) else value,
    }


def _metric(row: Any) -> LoggedMetric:
    value = math.nan if row.value is None else row.value
    return LoggedMetric(
        metric=Metric(name=row.name, value=value, step=row.step, at=row.at),
        run=row.run,
        dataset=row.dataset,
        digest=row.digest,
    )


def _no_model(id: str) -> NotFoundError:
    return NotFoundError("there is no logged model", value=id)
