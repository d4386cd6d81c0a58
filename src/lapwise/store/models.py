"""Model versions, their stages and approvals."""

from __future__ import annotations

import builtins
import re
from collections.abc import Sequence
from typing import Any, get_args

import msgspec
from sqlalchemy import Connection, Select, func, select

from lapwise.core.errors import ConflictError, NotFoundError, StageError
from lapwise.core.model import Approval, AuditEntry, ModelVersion, Stage
from lapwise.store import schema
from lapwise.store.audit import append
from lapwise.store.boundary import crossing
from lapwise.store.database import Database
from lapwise.store.encoding import decode, encode
from lapwise.store.model import AuditDraft, StageMove
from lapwise.store.nearest import nearest

__all__ = ["SqlModels"]

_NUMBERED = re.compile(r"(.+)@v?(\d{1,9})")
_STAGES: tuple[str, ...] = get_args(Stage)
_VERSION = schema.model_version.c


class SqlModels:
    """Implements :class:`lapwise.store.model.Models`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, version: ModelVersion, audit: AuditDraft) -> ModelVersion:
        """Register a version, give it its ``number`` in its model, and audit it; one transaction.

        The same model and digest *and lineage run* returns the version that is there, unaudited.
        """
        of_model = _VERSION.model == version.model
        run = version.lineage.run or ""
        with self._database.write() as connection:
            # Whoever audits takes the chain's lock first, so that none can wait in a ring.
            self._database.serialise(connection, "audit")
            same = _rows().where(of_model, _VERSION.digest == version.digest, _VERSION.run == run)
            found = connection.execute(same).first()
            if found is not None:
                return _version(found)
            last = connection.scalar(select(func.max(_VERSION.number)).where(of_model))
            version = msgspec.structs.replace(version, number=(last or 0) + 1)
            crossing("row", "before")
            connection.execute(
                schema.model_version.insert().values(
                    id=version.id,
                    model=version.model,
                    number=version.number,
                    digest=version.digest,
                    run=run,
                    stage=version.stage,
                    marks=encode(version.marks),
                    body=encode(version),
                )
            )
            append(self._database, connection, audit)
        return version

    def get(self, reference: str) -> ModelVersion:
        """Return a version by id, ``model@vN``, ``model@stage`` or ``model`` (the newest).

        Raises:
            NotFoundError: there is none; the error lists the near ones.
        """
        numbered = _NUMBERED.fullmatch(reference)
        model, _, stage = reference.rpartition("@")
        query = _rows().order_by(_VERSION.number.desc()).limit(1)
        if numbered:
            query = query.where(_VERSION.model == numbered[1], _VERSION.number == int(numbered[2]))
        elif model and stage in _STAGES:
            query = query.where(_VERSION.model == model, _VERSION.stage == stage)
        else:
            query = query.where((_VERSION.id == reference) | (_VERSION.model == reference))
        with self._database.read() as connection:
            row = connection.execute(query).first()
            if row is None:
                raise _no_version(connection, reference)
        return _version(row)

    def list(self, model: str | None = None, *, limit: int = 100) -> Sequence[ModelVersion]:
        """Return versions, newest first."""
        query = _rows().order_by(_VERSION.id.desc()).limit(limit)
        if model is not None:
            query = _rows().where(_VERSION.model == model)
            query = query.order_by(_VERSION.number.desc()).limit(limit)
        with self._database.read() as connection:
            return [_version(row) for row in connection.execute(query)]

    def production(self, model: str) -> ModelVersion | None:
        """Return the version in production, or None."""
        query = _rows().where(_VERSION.model == model, _VERSION.stage == "production")
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return None if row is None else _version(row)

    def move(
        self, moves: Sequence[StageMove], audit: AuditDraft, approval: Approval | None = None
    ) -> AuditEntry:
        """Change stages, keep the approval and append the audit entry, all or nothing.

        Raises:
            ConflictError: a version does not stand at the move's ``source``, or a model would
                have two versions in production.
            StageError: there is no such stage.
        """
        for step in moves:
            if step.target not in _STAGES:
                raise StageError(
                    "there is no such stage", value=step.target, expected=" ".join(_STAGES)
                )
        with self._database.write() as connection:
            self._database.serialise(connection, "audit")
            # Those that leave production go first: the unique index looks at every statement.
            for step in sorted(moves, key=lambda move: move.target == "production"):
                _move(connection, step)
            if approval is not None:
                _keep(connection, approval)
            return append(self._database, connection, audit)

    def decide(self, approval: Approval, audit: AuditDraft) -> AuditEntry:
        """Keep a decision that moves nothing (a refusal), with its audit entry."""
        return self.move((), audit, approval)

    def approvals(self, version: str) -> Sequence[Approval]:
        """Return the decisions about a version, oldest first."""
        columns = schema.approval.c
        query = select(columns.body).where(columns.version == version)
        with self._database.read() as connection:
            found = [decode(body, Approval) for body in connection.scalars(query)]
        return sorted(found, key=lambda one: (one.at, one.id))


def _rows() -> Select[Any]:
    return select(_VERSION.body, _VERSION.stage, _VERSION.marks)


def _version(row: Any) -> ModelVersion:
    body, stage, marks = row
    version = decode(body, ModelVersion)
    return msgspec.structs.replace(version, stage=stage, marks=decode(marks, tuple[str, ...]))


def _move(connection: Connection, step: StageMove) -> None:
    row = connection.execute(_rows().where(_VERSION.id == step.version).with_for_update()).first()
    if row is None:
        raise _no_version(connection, step.version)
    version = _version(row)
    name = f"{version.model} v{version.number}"
    if version.stage != step.source:
        raise ConflictError(
            f"{name} stands elsewhere by now",
            value=version.stage,
            expected=step.source,
            fix=f"look again (lapwise models {version.model}), then decide anew",
        )
    if step.target == "production":
        query = select(_VERSION.number).where(
            _VERSION.model == version.model,
            _VERSION.stage == "production",
            _VERSION.id != version.id,
        )
        holder = connection.scalar(query)
        if holder is not None:
            raise ConflictError(
                f"{name} cannot go to production beside another version",
                value=f"v{holder}",
                expected="the version in production archived in the same move",
                fix=f"lapwise models {version.model}",
            )
    marks = version.marks
    if step.mark and step.mark not in marks:
        marks = (*marks, step.mark)
    crossing("row", "before")
    connection.execute(
        schema.model_version.update()
        .where(_VERSION.id == step.version)
        .values(stage=step.target, marks=encode(marks))
    )


def _keep(connection: Connection, approval: Approval) -> None:
    known = select(_VERSION.id).where(_VERSION.id == approval.version)
    if connection.scalar(known) is None:
        raise _no_version(connection, approval.version)
    same = select(schema.approval.c.id).where(schema.approval.c.id == approval.id)
    if connection.scalar(same) is not None:
        raise ConflictError(
            "this decision is kept already",
            value=approval.id,
            expected="one decision, recorded once",
            fix="lapwise audit",
        )
    connection.execute(
        schema.approval.insert().values(
            id=approval.id, version=approval.version, body=encode(approval)
        )
    )


def _no_version(connection: Connection, reference: str) -> NotFoundError:
    return NotFoundError(
        "there is no model version",
        value=reference,
        expected=nearest(reference, _references(connection, reference.rpartition("@")[0])),
        fix="lapwise models",
    )


def _references(connection: Connection, model: str) -> builtins.list[str]:
    query = select(_VERSION.number, _VERSION.stage).where(_VERSION.model == model)
    rows = connection.execute(query.order_by(_VERSION.number.desc())).all()
    if rows:
        stages = sorted({stage for _, stage in rows if stage != "none"})
        return [f"{model}@{word}" for word in (*stages, *(f"v{number}" for number, _ in rows))]
    return sorted(connection.scalars(select(_VERSION.model).distinct()))
