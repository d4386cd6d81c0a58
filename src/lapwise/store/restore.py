"""Restore: an archive into an empty store, of either database, all or nothing."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import blake3
from sqlalchemy import BigInteger, Connection, Text, cast, column, func, inspect, select, table

from lapwise.core.errors import ConflictError, CorruptError, NotFoundError, SchemaError
from lapwise.store.archive import MANIFEST, Manifest, TablePart, decode_row, member
from lapwise.store.database import connect, sqlite_path
from lapwise.store.encoding import decode
from lapwise.store.migrate import check_revision, create, migrate, revision
from lapwise.store.model import Blobs
from lapwise.store.open import open_blobs
from lapwise.store.schema import HEAD

__all__ = ["restore"]

_ROWS_AT_ONCE = 1000
_SMALL = 8 << 20
# A store that holds something has a row in one of these; the others hang on them.
_TOLD_BY = (
    *("run", "dataset_version", "step_result", "record", "model_version", "lap", "audit"),
    *("deployment", "rollout", "alarm", "hour_counts", "day_performance"),
    *("experiment", "registered_model", "logged_model", "label", "token", "webhook", "event"),
)


def restore(path: Path, url: str, blobs: str) -> Manifest:
    """Fill an empty store from an archive, of either database, and bring it to this version.

    Blobs come first and rows in one transaction after them, so that no row names a blob that is
    not there; every file is checked against its digest on the way.

    Raises:
        ConflictError: the target's database holds something.
        CorruptError: the archive is damaged or cut short.
        SchemaError: the archive is of a newer version of Lapwise.
        NotFoundError: there is no archive.
    """
    try:
        tar = tarfile.open(path)  # noqa: SIM115 (closed below)
    except FileNotFoundError as error:
        raise NotFoundError("there is no backup", value=str(path)) from error
    except (tarfile.TarError, OSError, EOFError) as error:
        raise _damaged(path.name) from error
    with tar:
        try:
            manifest = decode(member(tar, MANIFEST).read().decode(), Manifest)
            if manifest.revision > HEAD:
                raise SchemaError(
                    "the backup is of a newer version of Lapwise",
                    value=manifest.revision,
                    expected=f"a schema up to {HEAD}",
                    fix="pip install --upgrade lapwise",
                )
            _refuse_full(url)
            _restore_blobs(tar, manifest, open_blobs(blobs))
            _restore_rows(tar, manifest, url)
        except (tarfile.TarError, EOFError, UnicodeError) as error:
            raise _damaged(path.name) from error
    return manifest


def _refuse_full(url: str) -> None:
    path = sqlite_path(url)
    if path is not None and not (path.exists() and path.stat().st_size):
        return
    database = connect(url)
    try:
        if revision(database) is not None:
            with database.read() as connection:
                _refuse_rows(connection)
    finally:
        database.close()


def _refuse_rows(connection: Connection) -> None:
    there = set(inspect(connection).get_table_names())  # an older database lacks some
    for name in _TOLD_BY:
        full = select(1).select_from(table(name)).limit(1)
        if name in there and connection.execute(full).first():
            raise ConflictError(
                "the store to restore into is not empty",
                value=f"there are rows in {name}",
                expected="a new database",
                fix="choose another url for the store",
            )


def _restore_blobs(tar: tarfile.TarFile, manifest: Manifest, blobs: Blobs) -> None:
    for digest in manifest.blobs:
        with member(tar, f"blobs/{digest}") as source, tempfile.NamedTemporaryFile() as file:
            while chunk := source.read(_SMALL):
                file.write(chunk)
            file.flush()
            blobs.put_file(Path(file.name), expected=digest)
    for name in manifest.anchors:
        blobs.anchor(name, member(tar, f"anchors/{name}").read())


def _restore_rows(tar: tarfile.TarFile, manifest: Manifest, url: str) -> None:
    def fill(connection: Connection) -> None:
        migrate(connection, manifest.revision or "base")
        _insert(tar, manifest, connection)
        migrate(connection)

    path = sqlite_path(url)
    if path is not None and not (path.exists() and path.stat().st_size):
        create(path, fill)
        return
    database = connect(url)
    try:
        found = revision(database)
        if found is not None:
            check_revision(found, url)
        with database.write() as connection:
            database.serialise(connection, "schema")
            if found is None:
                fill(connection)
            elif found == manifest.revision:
                _refuse_rows(connection)
                _insert(tar, manifest, connection)
            else:
                raise SchemaError(
                    "the backup is of an older version than the empty database",
                    value=manifest.revision,
                    expected=found,
                    fix="restore to a url where there is no database yet",
                )
    finally:
        database.close()


def _insert(tar: tarfile.TarFile, manifest: Manifest, connection: Connection) -> None:
    for part in manifest.tables:
        target = table(part.name, *(column(name) for name in part.columns))
        for rows in _portions(tar, part):
            connection.execute(target.insert(), rows)
        if connection.dialect.name == "postgresql" and "id" in part.columns:
            # Rows came with their ids, so the counter of those to come must be told.
            counter = func.pg_get_serial_sequence(part.name, "id")
            last = func.max(cast(cast(target.c.id, Text), BigInteger))
            connection.execute(select(func.setval(counter, last)).where(counter.is_not(None)))


def _portions(tar: tarfile.TarFile, part: TablePart) -> Iterator[list[dict[str, Any]]]:
    hasher, rows, count = blake3.blake3(), [], 0
    for line in member(tar, f"tables/{part.name}.jsonl"):
        hasher.update(line)
        rows.append(decode_row(line, part))
        count += 1
        if len(rows) == _ROWS_AT_ONCE:
            yield rows
            rows = []
    if rows:
        yield rows
    if hasher.hexdigest() != part.digest or count != part.rows:
        raise _damaged(f"tables/{part.name}.jsonl")


def _damaged(name: str) -> CorruptError:
    return CorruptError(
        "the backup is damaged",
        value=name,
        expected="the bytes that lapwise db backup wrote",
        fix="use another backup",
    )
