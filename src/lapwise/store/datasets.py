"""Versions of tables, and what is remembered of files."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, func, or_, select

from lapwise.core.errors import NotFoundError
from lapwise.core.model import DatasetVersion
from lapwise.store.database import Database, portions
from lapwise.store.encoding import decode, encode
from lapwise.store.keyset import beyond
from lapwise.store.model import FileStamp
from lapwise.store.nearest import nearest
from lapwise.store.schema import dataset_version, file_stamp

__all__ = ["SqlDatasets"]

_NUMBERED = re.compile(r"(.+)@v?(\d+)")


class SqlDatasets:
    """Implements :class:`lapwise.store.model.Datasets`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, version: DatasetVersion) -> DatasetVersion:
        """Keep a version and give it its ``number``; same table and digest returns the old one."""
        with self._database.write() as connection:
            self._database.serialise(connection, f"dataset_version:{version.table}")
            of_table = dataset_version.c.table_name == version.table
            body = connection.scalar(
                select(dataset_version.c.body).where(
                    of_table, dataset_version.c.digest == version.digest
                )
            )
            if body is not None:
                return decode(body, DatasetVersion)
            last = connection.scalar(select(func.max(dataset_version.c.number)).where(of_table))
            version = msgspec.structs.replace(version, number=(last or 0) + 1)
            connection.execute(
                dataset_version.insert().values(
                    id=version.id,
                    table_name=version.table,
                    number=version.number,
                    digest=version.digest,
                    body=encode(version),
                )
            )
        return version

    def get(self, reference: str) -> DatasetVersion:
        """Return a version by id, digest, ``table@vN`` or ``table`` (the latest).

        Raises:
            NotFoundError: there is none; the error lists the near ones.
        """
        columns = dataset_version.c
        query = select(columns.body).order_by(columns.number.desc()).limit(1)
        numbered = _NUMBERED.fullmatch(reference)
        with self._database.read() as connection:
            if numbered:
                query = query.where(
                    columns.table_name == numbered[1], columns.number == int(numbered[2])
                )
            else:
                query = query.where(
                    or_(
                        columns.id == reference,
                        columns.digest == reference,
                        columns.table_name == reference,
                    )
                )
            body = connection.scalar(query)
            if body is None:
                raise NotFoundError(
                    "there is no dataset version",
                    value=reference,
                    expected=nearest(reference, _references(connection, numbered)),
                    fix="lapwise data log",
                )
        return decode(body, DatasetVersion)

    def list(
        self, table: str | None = None, *, limit: int = 100, after: str = ""
    ) -> Sequence[DatasetVersion]:
        """Return versions, newest first, those that come after the one with the id ``after``."""
        columns = dataset_version.c
        query, newest = select(columns.body).limit(limit), columns.id
        if table is not None:
            query, newest = query.where(columns.table_name == table), columns.number
        with self._database.read() as connection:
            query = beyond(connection, query, columns.id, after, (newest, True))
            return [decode(body, DatasetVersion) for body in connection.scalars(query)]

    def stamps(self, paths: Iterable[str]) -> dict[str, FileStamp]:
        """Return what is remembered of files, by path."""
        wanted = builtins.list(paths)
        found: dict[str, FileStamp] = {}
        with self._database.read() as connection:
            for some in portions(wanted):
                query = select(file_stamp).where(file_stamp.c.path.in_(some))
                for path, size, modified_ns, inode, digest in connection.execute(query):
                    found[path] = FileStamp(path, size, modified_ns, int(inode), digest)
        return found

    def remember(self, stamps: Iterable[FileStamp]) -> None:
        """Remember files, so that unchanged ones cost a stat the next time."""
        rows = {
            stamp.path: {
                "path": stamp.path,
                "size": stamp.size,
                "modified_ns": stamp.modified_ns,
                "inode": str(stamp.inode),
                "digest": stamp.digest,
            }
            for stamp in stamps
        }
        if not rows:
            return
        statement = self._database.upsert(file_stamp)
        with self._database.write() as connection:
            # In one order everywhere, so that two writers cannot wait for each other.
            connection.execute(statement, [rows[path] for path in sorted(rows)])


def _references(connection: Connection, numbered: re.Match[str] | None) -> builtins.list[str]:
    columns = dataset_version.c
    query = select(columns.table_name, func.max(columns.number)).group_by(columns.table_name)
    newest = {row[0]: row[1] for row in connection.execute(query)}
    if numbered and numbered[1] in newest:
        query = select(columns.table_name, columns.number).where(columns.table_name == numbered[1])
        query = query.order_by(columns.number.desc()).limit(5)
        return [f"{table}@v{number}" for table, number in connection.execute(query)]
    return sorted(newest)
