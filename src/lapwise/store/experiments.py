"""Experiments: what runs belong to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, bindparam, func, select

from lapwise.core.errors import ConflictError, DeclarationError, NotFoundError
from lapwise.core.model import Run, Tag
from lapwise.core.tracked import Experiment, LoggedModel, Page
from lapwise.store import schema
from lapwise.store.database import Database, portions
from lapwise.store.encoding import decode, encode
from lapwise.store.labels import write_labels
from lapwise.store.nearest import nearest

__all__ = ["SqlExperiments", "experiment_of", "keep_experiment"]

_COLUMNS = schema.experiment.c
_MOVED = ((schema.run, "number", Run), (schema.logged_model, "id", LoggedModel))


class SqlExperiments:
    """Implements :class:`lapwise.store.tracked.Experiments`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, *, at: int, labels: Sequence[Tag] = ()) -> Experiment:
        """Keep a new experiment with its labels; the same name of the same ``at`` is the one there.

        Raises:
            ConflictError: the name is taken.
            DeclarationError: no experiment can be called that.
        """
        _checked(name)
        with self._database.write() as connection:
            self._database.serialise(connection, "experiment")
            found = connection.execute(_NAMED, {"name": name}).first()
            if found is not None:
                there = experiment_of(found)
                if there.created != at or there.archived:
                    raise _taken(there)
                return there
            made = keep_experiment(self._database, connection, name, at)
            write_labels(self._database, connection, "experiment", str(made.number), labels)
        return made

    def get(self, reference: str) -> Experiment:
        """Return an experiment by number as text, or by name; raises NotFoundError.

        Where one is called ``7`` and another is number 7, ``7`` is the number.
        """
        with self._database.read() as connection:
            row = None
            if reference.isascii() and reference.isdecimal() and len(reference) <= 9:
                row = connection.execute(_NUMBERED, {"number": int(reference)}).first()
            if row is None:
                row = connection.execute(_NAMED, {"name": reference}).first()
            if row is None:
                raise _no_experiment(connection, reference)
        return experiment_of(row)

    def update(
        self, number: int, *, at: int, name: str | None = None, archived: bool | None = None
    ) -> Experiment:
        """Change what is given; a new name is that of its runs too.

        Raises:
            NotFoundError: there is no such experiment.
            ConflictError: the name is taken, or a loop has it.
        """
        with self._database.write() as connection:
            # A run that is being made must not be left behind under the old name.
            self._database.serialise(connection, "run")
            self._database.serialise(connection, "experiment")
            row = connection.execute(_NUMBERED, {"number": number}).first()
            if row is None:
                raise _no_experiment(connection, str(number))
            old = experiment_of(row)
            new = msgspec.structs.replace(
                old,
                name=old.name if name is None else _checked(name),
                archived=old.archived if archived is None else archived,
            )
            if new == old:
                return old
            new = msgspec.structs.replace(new, updated=at)
            if new.name != old.name:
                _refuse_taken(connection, old.name, new.name)
                self._rename(connection, old.name, new.name)
            connection.execute(
                schema.experiment.update()
                .where(_COLUMNS.number == number)
                .values(name=new.name, updated=at, archived=int(new.archived))
            )
        return new

    def search(
        self,
        where: str = "",
        *,
        order: Sequence[str] = (),
        archived: bool | None = False,
        limit: int = 100,
        after: str = "",
    ) -> Page[Experiment]:
        """Return experiments for which ``where`` is true, the newest first."""
        from lapwise.store.search.experiments import experiment_subject
        from lapwise.store.search.page import Asked, fetch

        scope = [] if archived is None else [_COLUMNS.archived == int(archived)]
        asked = Asked(where=where, order=order, limit=limit, after=after, salt=(str(archived),))
        with self._database.read() as connection:
            rows, following = fetch(
                connection,
                experiment_subject(),
                [*schema.experiment.c],
                asked,
                scope,
            )
        return Page(tuple(map(experiment_of, rows)), following)

    def _rename(self, connection: Connection, old: str, new: str) -> None:
        for table, key, kind in _MOVED:
            query = select(table.c[key], table.c.body).where(table.c.experiment == old)
            query = query.order_by(table.c[key]).with_for_update(key_share=True)
            _move(connection, table, key, kind, connection.execute(query).all(), new)


_NAMED = select(schema.experiment).where(_COLUMNS.name == bindparam("name"))
_NUMBERED = select(schema.experiment).where(_COLUMNS.number == bindparam("number"))


def experiment_of(row: Any) -> Experiment:
    """Return the experiment that a row of its table holds."""
    return Experiment(
        number=row.number,
        name=row.name,
        created=row.created,
        updated=row.updated,
        archived=bool(row.archived),
    )


def keep_experiment(database: Database, connection: Connection, name: str, at: int) -> Experiment:
    """Return the experiment of a name, made if there is none, inside a transaction.

    Raises:
        DeclarationError: no experiment can be called that.
    """
    row = connection.execute(_NAMED, {"name": _checked(name)}).first()
    if row is not None:
        return experiment_of(row)
    database.serialise(connection, "experiment")
    row = connection.execute(_NAMED, {"name": name}).first()
    if row is not None:
        return experiment_of(row)
    last = connection.scalar(select(func.max(_COLUMNS.number)))
    made = Experiment(number=(last or 0) + 1, name=name, created=at, updated=at)
    connection.execute(
        schema.experiment.insert().values(
            number=made.number, name=name, created=at, updated=at, archived=0
        )
    )
    return made


def _checked(name: str) -> str:
    if not name.strip() or "\0" in name:
        raise DeclarationError(
            "an experiment needs a name",
            value=name,
            expected="text with a letter, a digit or a sign in it",
        )
    return name


def _refuse_taken(connection: Connection, old: str, new: str) -> None:
    taken = connection.execute(_NAMED, {"name": new}).first()
    if taken is not None:
        raise _taken(experiment_of(taken))
    lap, model = schema.lap.c, schema.registered_model.c
    for name in (old, new):
        looped = connection.scalar(select(lap.id).where(lap.loop == name).limit(1))
        governed = select(model.name).where(model.name == name, model.governed == 1)
        if looped is not None or connection.scalar(governed) is not None:
            raise ConflictError(
                "a loop has this name, and its runs and versions go by it",
                value=name,
                expected="an experiment of no loop, and a name of none",
                fix="choose another name",
            )


def _move(
    connection: Connection, table: Table, key: str, kind: Any, rows: Sequence[Any], name: str
) -> None:
    statement = (
        table.update()
        .where(table.c[key] == bindparam("which"))
        .values(experiment=name, body=bindparam("text"))
    )
    for some in portions(rows):
        moved = [
            (which, msgspec.structs.replace(decode(body, kind), experiment=name))
            for which, body in some
        ]
        connection.execute(
            statement, [{"which": which, "text": encode(record)} for which, record in moved]
        )


def _taken(found: Experiment) -> ConflictError:
    state = "archived, number" if found.archived else "number"
    return ConflictError(
        f"there is an experiment of this name ({state} {found.number})",
        value=found.name,
        expected="a name that none has",
        fix="restore it, or choose another name" if found.archived else "choose another name",
    )


def _no_experiment(connection: Connection, reference: str) -> NotFoundError:
    recent = select(_COLUMNS.name).where(_COLUMNS.archived == 0).order_by(_COLUMNS.number.desc())
    names = list(connection.scalars(recent.limit(1000)))
    return NotFoundError(
        "there is no experiment",
        value=reference,
        expected=nearest(reference, names) or "an experiment; none is kept",
        fix="lapwise runs",
    )
