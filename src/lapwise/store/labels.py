"""Free labels of what is no run."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from lapwise.core.model import Tag
from lapwise.store.database import Database, portions
from lapwise.store.schema import label

__all__ = ["SqlLabels"]


class SqlLabels:
    """Implements :class:`lapwise.store.tracked.Labels`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set(self, kind: str, subject: str, labels: Sequence[Tag]) -> None:
        """Set labels; one set again has the last value."""
        last = {one.name: one.value for one in labels}
        if last:
            rows = [
                {"kind": kind, "subject": subject, "name": name, "value": last[name]}
                for name in sorted(last)
            ]
            with self._database.write() as connection:
                connection.execute(self._database.upsert(label), rows)

    def remove(self, kind: str, subject: str, names: Sequence[str]) -> None:
        """Remove labels; those that are not there are left at that."""
        columns = label.c
        gone = label.delete().where(
            columns.kind == kind, columns.subject == subject, columns.name.in_(names)
        )
        with self._database.write() as connection:
            connection.execute(gone)

    def of(self, kind: str, subjects: Sequence[str]) -> dict[str, tuple[Tag, ...]]:
        """Return labels by subject, sorted by name."""
        columns = label.c
        query = select(columns.subject, columns.name, columns.value).where(columns.kind == kind)
        found: dict[str, list[Tag]] = {subject: [] for subject in subjects}
        with self._database.read() as connection:
            for some in portions(subjects):
                for subject, name, value in connection.execute(
                    query.where(columns.subject.in_(some))
                ):
                    found[subject].append(Tag(name=name, value=value))
        return {
            subject: tuple(sorted(labels, key=lambda one: one.name))
            for subject, labels in found.items()
        }
