"""Model versions, their stages and approvals."""

from __future__ import annotations

import builtins
import re
from collections.abc import Sequence
from typing import Any, get_args

import msgspec
from sqlalchemy import Connection, Select, func, select

from lapwise.core.digest import Digest
from lapwise.core.errors import ConflictError, NotFoundError, StageError
from lapwise.core.model import Approval, AuditEntry, ModelVersion, Stage
from lapwise.core.tracked import Page
from lapwise.store import schema
from lapwise.store.audit import append, appended
from lapwise.store.blob_names import digests_of
from lapwise.store.boundary import crossing
from lapwise.store.encoding import decode, encode
from lapwise.store.events import version_promoted
from lapwise.store.keyset import beyond
from lapwise.store.model import AuditDraft, StageMove
from lapwise.store.model_names import SqlModelNames, enter_name
from lapwise.store.nearest import nearest

__all__ = ["SqlModels"]

_NUMBERED = re.compile(r"(.+)@v?(\d{1,9})")
_STAGES: tuple[str, ...] = get_args(Stage)
_VERSION = schema.model_version.c
_COLUMNS = (
    *(_VERSION.body, _VERSION.model, _VERSION.stage, _VERSION.marks),
    *(_VERSION.description, _VERSION.updated),
)
_PRESENT = _VERSION.marks.not_like('%"deleted"%')


class SqlModels(SqlModelNames):
    """Implements :class:`lapwise.store.model.Models`."""

    def add(self, version: ModelVersion, audit: AuditDraft) -> ModelVersion:
        """Register a version, give it its ``number`` in its model, and audit it; one transaction.

        The same model and digest *and lineage run*, or the same id, returns the version that is
        there, unaudited. A number that is given (a version that another registry had) stays.

        Raises:
            ConflictError: another version has the number; or a lap made this one, and its name has
                versions in production that no loop can replace.
        """
        of_model = _VERSION.model == version.model
        run = version.lineage.run or ""
        with self._database.write() as connection:
            # Whoever audits takes the chain's lock first, so that none can wait in a ring.
            self._database.serialise(connection, "audit")
            same = (_VERSION.digest == version.digest) & (_VERSION.run == run)
            found = connection.execute(
                _rows().where(of_model, same | (_VERSION.id == version.id))
            ).first()
            if found is not None:
                return _version(found)
            version = msgspec.structs.replace(
                version,
                number=_number(connection, version),
                updated=version.updated or version.created,
            )
            crossing("row", "before")
            _insert(connection, version, governed=enter_name(connection, version))
            append(self._database, connection, audit)
        return version

    def get(self, reference: str) -> ModelVersion:
        """Return a version by id, ``model@vN``, ``model@stage`` or ``model`` (the newest).

        One that is marked ``deleted`` is found by id and number only.

        Raises:
            NotFoundError: there is none; the error lists the near ones.
        """
        numbered = _NUMBERED.fullmatch(reference)
        model, _, stage = reference.rpartition("@")
        query = _rows().order_by(_VERSION.number.desc()).limit(1)
        if numbered:
            query = query.where(_VERSION.model == numbered[1], _VERSION.number == int(numbered[2]))
        elif model and stage in _STAGES:
            query = query.where(_VERSION.model == model, _VERSION.stage == stage, _PRESENT)
        else:
            named = (_VERSION.model == reference) & _PRESENT
            query = query.where((_VERSION.id == reference) | named)
            # Whoever gives a version the name of a model as its id must not be taken for that model.
            query = query.order_by(None).order_by(named.desc(), _VERSION.number.desc())
        with self._database.read() as connection:
            row = connection.execute(query).first()
            if row is None:
                raise _no_version(connection, reference)
        return _version(row)

    def list(
        self, model: str | None = None, *, limit: int = 100, after: str = ""
    ) -> Sequence[ModelVersion]:
        """Return versions, newest first, those that come after the one with the id ``after``."""
        query, newest = _rows().limit(limit), _VERSION.id
        if model is not None:
            query, newest = query.where(_VERSION.model == model), _VERSION.number
        with self._database.read() as connection:
            query = beyond(connection, query, _VERSION.id, after, (newest, True))
            return [_version(row) for row in connection.execute(query)]

    def search(
        self, where: str = "", *, order: Sequence[str] = (), limit: int = 100, after: str = ""
    ) -> Page[ModelVersion]:
        """Return versions for which ``where`` is true; as :meth:`Runs.search` reads it.

        Attributes: ``name``, ``version_number``, ``run_id``, ``source_path``, ``stage``, and times
        ``creation_timestamp`` and ``last_updated_timestamp``; ``tags.NAME``. Not those marked
        ``deleted``.
        """
        from lapwise.store.search import Asked, fetch
        from lapwise.store.search.models import version_subject

        asked = Asked(where=where, order=order, limit=limit, after=after)
        with self._database.read() as connection:
            rows, following = fetch(connection, version_subject(), _COLUMNS, asked, [_PRESENT])
        return Page(tuple(_version(row) for row in rows), following)

    def describe(self, version: str, description: str, at: int) -> ModelVersion:
        """Change what is said of a version; raises NotFoundError."""
        query = _rows().where(_VERSION.id == version)
        with self._database.write() as connection:
            connection.execute(
                schema.model_version.update()
                .where(_VERSION.id == version)
                .values(description=description, updated=at)
            )
            row = connection.execute(query).first()
            if row is None:
                raise _no_version(connection, version)
        return _version(row)

    def production(self, model: str) -> ModelVersion | None:
        """Return the version in production (the newest, where several may be), or None."""
        query = _rows().where(_VERSION.model == model, _VERSION.stage == "production", _PRESENT)
        with self._database.read() as connection:
            row = connection.execute(query.order_by(_VERSION.number.desc()).limit(1)).first()
        return None if row is None else _version(row)

    def holders(self, digest: Digest) -> tuple[str, ...]:
        """Return the models of which a version names a blob."""
        holds = schema.version_blob.c
        query = select(_VERSION.model).join(schema.version_blob, holds.version == _VERSION.id)
        query = query.where(holds.digest == digest).distinct().order_by(_VERSION.model)
        with self._database.read() as connection:
            return tuple(connection.scalars(query))

    def move(
        self, moves: Sequence[StageMove], audit: AuditDraft, approval: Approval | None = None
    ) -> AuditEntry:
        """Change stages, keep the approval and append the audit entry, all or nothing.

        Asked again with the same ``audit``, it returns the entry that is there.

        Raises:
            ConflictError: a version does not stand at the move's ``source``, or a model that a loop
                governs would have two versions in production.
            StageError: there is no such stage.
        """
        for step in moves:
            if step.target not in _STAGES:
                raise StageError(
                    "there is no such stage", value=step.target, expected=" ".join(_STAGES)
                )
        with self._database.write() as connection:
            known = appended(self._database, connection, audit)
            if known is not None:
                return known
            # Those that leave production go first: the unique index looks at every statement.
            ordered = sorted(moves, key=lambda move: move.target == "production")
            moved = [_move(connection, step, audit.at) for step in ordered]
            if approval is not None:
                _keep(connection, approval)
            entry = append(self._database, connection, audit)
            for step, version in zip(ordered, moved, strict=True):
                if step.target == "production" != step.source:
                    version_promoted(self._database, connection, version, step.source, entry)
            return entry

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
    return select(*_COLUMNS)


def _version(row: Any) -> ModelVersion:
    """Return a version whose record was written once, with what may change from the columns."""
    return msgspec.structs.replace(
        decode(row.body, ModelVersion),
        model=row.model,
        stage=row.stage,
        marks=decode(row.marks, tuple[str, ...]),
        description=row.description,
        updated=row.updated,
    )


def _number(connection: Connection, version: ModelVersion) -> int:
    of_model = _VERSION.model == version.model
    if not version.number:
        return (connection.scalar(select(func.max(_VERSION.number)).where(of_model)) or 0) + 1
    taken = select(_VERSION.id).where(of_model, _VERSION.number == version.number)
    if connection.scalar(taken) is not None:
        raise ConflictError(
            f"model '{version.model}' has a version of this number already",
            value=version.number,
            expected="a number that is free",
        )
    return version.number


def _insert(connection: Connection, version: ModelVersion, *, governed: bool) -> None:
    body = encode(version)
    connection.execute(
        schema.model_version.insert().values(
            id=version.id,
            model=version.model,
            number=version.number,
            digest=version.digest,
            run=version.lineage.run or "",
            stage=version.stage,
            marks=encode(version.marks),
            governed=int(governed),
            description=version.description,
            source=version.source,
            created=version.created,
            updated=version.updated,
            body=body,
        )
    )
    blobs = [{"version": version.id, "digest": one} for one in sorted(digests_of(body))]
    connection.execute(schema.version_blob.insert(), blobs)


def _move(connection: Connection, step: StageMove, at: int) -> ModelVersion:
    query = _rows().add_columns(_VERSION.governed).where(_VERSION.id == step.version)
    row = connection.execute(query.with_for_update()).first()
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
    if step.target == "production" and row.governed:
        _refuse_second(connection, version)
    marks = version.marks
    if step.mark and step.mark not in marks:
        marks = (*marks, step.mark)
    crossing("row", "before")
    connection.execute(
        schema.model_version.update()
        .where(_VERSION.id == step.version)
        .values(stage=step.target, marks=encode(marks), updated=at)
    )
    if step.mark == "deleted":
        _forget_aliases(connection, version)
    return version


def _refuse_second(connection: Connection, version: ModelVersion) -> None:
    query = select(_VERSION.number).where(
        _VERSION.model == version.model,
        _VERSION.stage == "production",
        _VERSION.id != version.id,
    )
    holder = connection.scalar(query)
    if holder is not None:
        raise ConflictError(
            f"{version.model} v{version.number} cannot go to production beside another version",
            value=f"v{holder}",
            expected="the version in production archived in the same move",
            fix=f"lapwise models {version.model}",
        )


def _forget_aliases(connection: Connection, version: ModelVersion) -> None:
    """Remove the names by which a version was called that is deleted now."""
    label = schema.label.c
    connection.execute(
        schema.label.delete().where(
            label.kind == "alias",
            label.subject == version.model,
            label.value == str(version.number),
        )
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
