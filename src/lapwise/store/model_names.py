"""Names under which model versions are registered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from lapwise.core.errors import ConflictError, DeclarationError, NotFoundError
from lapwise.core.model import ModelVersion
from lapwise.core.tracked import Page, RegisteredModel
from lapwise.store import schema
from lapwise.store.database import Database
from lapwise.store.encoding import decode
from lapwise.store.nearest import nearest

__all__ = ["SqlModelNames", "enter_name"]

_LONGEST = 500
_NAME = schema.registered_model.c
_VERSION = schema.model_version.c


class SqlModelNames:
    """The part of :class:`lapwise.store.models.SqlModels` that keeps names."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_name(self, name: str, *, at: int, description: str = "") -> RegisteredModel:
        """Keep a name without a version yet; registering a version does this by itself.

        The same name of the same ``at`` returns what is there.

        Raises:
            ConflictError: there is such a name (an archived one too).
            DeclarationError: it is no name.
        """
        _check(name)
        with self._database.write() as connection:
            self._database.serialise(connection, "audit")
            made = _made(connection, name)
            if made is not None and made.created == at and not made.archived:
                return made
            _refuse_taken(made)
            row = {"name": name, "created": at, "updated": at, "description": description}
            connection.execute(schema.registered_model.insert().values(row))
        return RegisteredModel(name=name, created=at, updated=at, description=description)

    def get_name(self, name: str) -> RegisteredModel:
        """Return a name under which versions are registered; raises NotFoundError."""
        with self._database.read() as connection:
            return _found(connection, name)

    def update_name(
        self,
        name: str,
        *,
        at: int,
        new: str | None = None,
        description: str | None = None,
        archived: bool | None = None,
    ) -> RegisteredModel:
        """Change what is given; ``new`` renames all its versions.

        Raises:
            NotFoundError: there is no such name.
            ConflictError: the new name is taken, or the model is governed by a loop, which knows it
                by its name: it is neither renamed nor archived.
            DeclarationError: the new name is none.
        """
        with self._database.write() as connection:
            self._database.serialise(connection, "audit")
            renamed = _made(connection, new) if new and _made(connection, name) is None else None
            if renamed is not None and renamed.updated == at:  # by this very call, asked again
                return renamed
            found = _found(connection, name)
            renames = new is not None and new != name
            if found.governed and (renames or archived):
                raise ConflictError(
                    f"model '{name}' is governed by a loop, which knows it by its name",
                    value=new if renames else "archived",
                    expected="a model that no loop made",
                    fix=f"lapwise archive {name}@vN puts a single version away",
                )
            values: dict[str, Any] = {"updated": max(at, found.updated)}
            if description is not None:
                values["description"] = description
            if archived is not None:
                values["archived"] = int(archived)
            if new is not None and new != name:
                _check(new)
                _refuse_taken(_made(connection, new))
                values["name"] = new
                _rename(connection, name, new)
            connection.execute(
                schema.registered_model.update().where(_NAME.name == name).values(values)
            )
            return _found(connection, new or name)

    def search_names(
        self, where: str = "", *, order: Sequence[str] = (), limit: int = 100, after: str = ""
    ) -> Page[RegisteredModel]:
        """Return names for which ``where`` is true: ``name``, times, ``tags.NAME``; not archived."""
        from lapwise.store.search import Asked, fetch
        from lapwise.store.search.models import model_subject

        asked = Asked(where=where, order=order, limit=limit, after=after)
        scope = [_NAME.archived == 0]
        with self._database.read() as connection:
            rows, following = fetch(connection, model_subject(), [*_NAME], asked, scope)
        return Page(tuple(_model(row) for row in rows), following)


def enter_name(connection: Connection, version: ModelVersion) -> bool:
    """Make or touch the name that a version is registered under; say whether a loop governs it.

    A version that a lap made makes its name governed, and all versions of it, for good.

    Raises:
        ConflictError: a loop comes to a name whose versions in production it could not replace.
    """
    row = connection.execute(_rows().where(_NAME.name == version.model).with_for_update()).first()
    governed = version.lineage.lap is not None
    if row is None:
        connection.execute(
            schema.registered_model.insert().values(
                name=version.model,
                created=version.created,
                updated=version.created,
                governed=int(governed),
            )
        )
        return governed
    found = _model(row)
    if governed and not found.governed:
        _refuse_foreign(connection, version.model)
        of_model = _VERSION.model == version.model
        connection.execute(schema.model_version.update().where(of_model).values(governed=1))
    governed = governed or found.governed
    connection.execute(
        schema.registered_model.update()
        .where(_NAME.name == version.model)
        .values(updated=max(version.created, found.updated), governed=int(governed), archived=0)
    )
    return governed


def _check(name: str) -> None:
    if not name.strip() or len(name) > _LONGEST or not name.isprintable():
        raise DeclarationError(
            "a model cannot have such a name",
            value=name,
            expected=f"1 to {_LONGEST} characters that can be seen",
        )


def _refuse_foreign(connection: Connection, model: str) -> None:
    """Refuse to govern a name while what is in production cannot be compared, or is not one."""
    query = select(_VERSION.number, _VERSION.body).where(
        _VERSION.model == model, _VERSION.stage == "production"
    )
    rows = connection.execute(query.order_by(_VERSION.number)).all()
    kept = [number for number, body in rows if decode(body, ModelVersion).format == "mlflow"]
    if len(rows) > 1 or kept:
        raise ConflictError(
            f"model '{model}' has versions in production that no loop can replace",
            value=", ".join(f"v{number}" for number, _ in rows),
            expected="a name of the loop's own, or nothing that an MLflow client put there",
            fix=f"give the loop another name, or archive them: lapwise archive {model}@v{rows[0][0]}",
        )


def _rename(connection: Connection, name: str, new: str) -> None:
    connection.execute(
        schema.model_version.update().where(_VERSION.model == name).values(model=new)
    )
    label = schema.label.c
    connection.execute(
        schema.label.update()
        .where(label.kind.in_(["model", "alias"]), label.subject == name)
        .values(subject=new)
    )


def _refuse_taken(taken: RegisteredModel | None) -> None:
    if taken is not None:
        archived = " and is archived" if taken.archived else ""
        raise ConflictError(
            f"there is a model of this name{archived}",
            value=taken.name,
            expected="a new name",
            fix="choose another name",
        )


def _rows() -> Select[Any]:
    return select(schema.registered_model)


def _model(row: Any) -> RegisteredModel:
    return RegisteredModel(
        name=row.name,
        created=row.created,
        updated=row.updated,
        description=row.description,
        governed=bool(row.governed),
        archived=bool(row.archived),
    )


def _made(connection: Connection, name: str) -> RegisteredModel | None:
    row = connection.execute(_rows().where(_NAME.name == name)).first()
    return None if row is None else _model(row)


def _found(connection: Connection, name: str) -> RegisteredModel:
    found = _made(connection, name)
    if found is None:
        names = sorted(connection.scalars(select(_NAME.name).where(_NAME.archived == 0)))
        raise NotFoundError(
            "there is no model", value=name, expected=nearest(name, names), fix="lapwise models"
        )
    return found
