"""Free labels of what is no run."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection, Select, select

from lapwise.core.errors import DeclarationError, NotFoundError
from lapwise.core.model import Tag
from lapwise.store import schema
from lapwise.store.database import Database, portions
from lapwise.store.schema import label

__all__ = ["SqlLabels", "write_labels"]

_NUMBER = re.compile(r"[1-9]\d{0,8}")
_KINDS = ("alias", "experiment", "logged", "model", "version")


class SqlLabels:
    """Implements :class:`lapwise.store.tracked.Labels`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, kind: str, subject: str, labels: Sequence[Tag]) -> None:
        """Set labels; one set again has the last value.

        Raises:
            NotFoundError: there is no such subject, or no version of an alias's number.
            DeclarationError: there is no such kind.
        """
        _check_kind(kind)
        with self._database.write() as connection:
            _check_subject(connection, kind, subject)
            if kind == "alias":
                for one in labels:
                    _check_version(connection, subject, one.value)
            write_labels(self._database, connection, kind, subject, labels)

    def remove(self, kind: str, subject: str, names: Sequence[str]) -> None:
        """Remove labels; those that are not there are left at that."""
        _check_kind(kind)
        columns = label.c
        gone = label.delete().where(columns.kind == kind, columns.subject == subject)
        with self._database.write() as connection:
            for some in portions(names):
                connection.execute(gone.where(columns.name.in_(some)))

    def of(self, kind: str, subjects: Sequence[str]) -> dict[str, tuple[Tag, ...]]:
        """Return labels by subject, sorted by name."""
        _check_kind(kind)
        columns = label.c
        query = select(columns.subject, columns.name, columns.value).where(columns.kind == kind)
        found: dict[str, list[Tag]] = {subject: [] for subject in subjects}
        with self._database.read() as connection:
            for some in portions(list(found)):
                for subject, name, value in connection.execute(
                    query.where(columns.subject.in_(some))
                ):
                    found[subject].append(Tag(name=name, value=value))
        return {
            subject: tuple(sorted(labels, key=lambda one: one.name))
            for subject, labels in found.items()
        }


def write_labels(
    database: Database, connection: Connection, kind: str, subject: str, labels: Sequence[Tag]
) -> None:
    """Set labels inside a transaction of something else."""
    rows = [
        {"kind": kind, "subject": subject, "name": one.name, "value": one.value} for one in labels
    ]
    database.replace(connection, label, rows)


def _check_kind(kind: str) -> None:
    if kind not in _KINDS:
        raise DeclarationError(
            "there is no such kind of labels", value=kind, expected="one of " + ", ".join(_KINDS)
        )


def _check_subject(connection: Connection, kind: str, subject: str) -> None:
    query: Select[tuple[str]] | Select[tuple[int]]
    if kind == "experiment":
        number = int(subject) if _NUMBER.fullmatch(subject) else -1
        query = select(schema.experiment.c.number).where(schema.experiment.c.number == number)
    elif kind == "version":
        query = select(schema.model_version.c.id).where(schema.model_version.c.id == subject)
    elif kind == "logged":
        query = select(schema.logged_model.c.id).where(schema.logged_model.c.id == subject)
    else:
        name = schema.registered_model.c.name
        query = select(name).where(name == subject)
    if connection.scalar(query) is None:
        what = {"alias": "model", "logged": "logged model"}.get(kind, kind)
        raise NotFoundError(f"there is no {what} to label", value=subject)


def _check_version(connection: Connection, model: str, value: str) -> None:
    columns = schema.model_version.c
    query = select(columns.marks).where(
        columns.model == model, columns.number == (int(value) if _NUMBER.fullmatch(value) else -1)
    )
    marks = connection.scalar(query)
    if marks is None or '"deleted"' in marks:
        raise NotFoundError(
            f"an alias of '{model}' names a version that is not there",
            value=value,
            expected="the number of a version",
            fix=f"lapwise models {model}",
        )
