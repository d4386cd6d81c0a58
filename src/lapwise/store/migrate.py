"""Bring a database to this version's schema; the only file that loads Alembic, and only at need."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError

from lapwise.core.errors import SchemaError, StorageFullError
from lapwise.store.database import Database, connect, sqlite_path
from lapwise.store.durable import make_folder, sync_folder
from lapwise.store.failures import translated
from lapwise.store.schema import HEAD

__all__ = ["bring_to_head", "check_revision", "create", "locked", "migrate", "revision", "upgrade"]

_VERSION_TABLE = "alembic_version"
_PRIVATE = 0o600  # secrets of webhooks are among what a database holds


def upgrade(url: str) -> tuple[str, str]:
    """Bring an older database to this version's schema and return (revision before, after).

    One transaction under a lock: it is the old one or the new one, whatever happens.

    Raises:
        SchemaError: the database is of a newer version of Lapwise, or not a Lapwise database.
        StoreError: it cannot be opened or written.
    """
    path = sqlite_path(url)
    if path is not None and not _exists(path):
        create(path)
        return "", HEAD
    database = connect(url)
    try:
        with locked(path):
            before = revision(database) or ""
            if before > HEAD:
                check_revision(before, url)
            if before < HEAD:
                bring_to_head(database)
                if path is not None:
                    _close_to_others(path)
    finally:
        database.close()
    return before, HEAD


def create(path: Path, fill: Callable[[Connection], None] | None = None) -> None:
    """Make a SQLite database, migrated to the head, unless somebody else just did.

    It is made under another name and renamed when it is whole.

    Args:
        path: the file.
        fill: instead of the migration, what makes the tables and their rows.

    Raises:
        StorageFullError: no room, or no permission.
    """
    with locked(path):
        if _exists(path):
            return
        _remove(
            path, ".new", ".new-wal", ".new-shm", ".new-journal"
        )  # of one that was killed while it held the lock
        fresh = path.with_name(f"{path.name}.new")
        try:
            _reserve(fresh)
            database = connect(f"sqlite:///{fresh}")
            try:
                with database.write() as connection:
                    (fill or migrate)(connection)
                with translated(), database.engine.connect() as connection:
                    # Outside a transaction, which the engine would otherwise begin.
                    connection.connection.cursor().execute("PRAGMA journal_mode=WAL")
            finally:
                database.close()
            # What a database that was deleted by hand left beside it belongs to no one now.
            _remove(path, "-wal", "-shm")
            _rename(fresh, path)
        finally:
            _remove(fresh, "", "-wal", "-shm", "-journal")


def migrate(connection: Connection, target: str = HEAD) -> None:
    """Run the migrations that a database lacks, inside a transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, target)


def bring_to_head(database: Database) -> None:
    """Run the migrations that a database lacks, once, whoever else tries at the same time."""
    with database.write() as connection:
        database.serialise(connection, "schema")
        migrate(connection)


def revision(database: Database) -> str | None:
    """Return the revision that a database stands at, or None when it holds nothing at all.

    Raises:
        SchemaError: it holds tables, but not those of Lapwise.
    """
    with database.read() as connection:
        try:
            query = f"SELECT version_num FROM {_VERSION_TABLE}"  # noqa: S608 (a constant)
            with connection.begin_nested():
                return connection.exec_driver_sql(query).scalar() or ""
        except DBAPIError as error:
            if "no such table" not in str(error.orig) and _state(error) != "42P01":
                raise
        return _revision_without_table(database, connection)


def check_revision(found: str, url: str) -> None:
    """Refuse a database that is not at this version's schema.

    Raises:
        SchemaError: it is newer, or older.
    """
    where = url.rpartition("@")[2]
    if found > HEAD:
        raise SchemaError(
            f"database {where} is of a newer version of Lapwise and was not touched",
            value=found,
            expected=f"a schema up to {HEAD}",
            fix="pip install --upgrade lapwise, or use another database",
        )
    if found < HEAD:
        raise SchemaError(
            f"database {where} is of an older version of Lapwise and was not touched",
            value=found,
            expected=f"schema {HEAD}",
            fix="lapwise db backup, then lapwise db upgrade",
        )


@contextmanager
def locked(path: Path | None) -> Iterator[None]:
    """Hold the file lock of a SQLite database (PostgreSQL locks in its own transaction)."""
    if path is None:
        yield
        return
    try:
        make_folder(path.parent)
        number = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _PRIVATE)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _exists(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _reserve(fresh: Path) -> None:
    """Make an empty file for this user alone; SQLite gives its mode to what it keeps beside it."""
    try:
        fresh.touch(_PRIVATE)
    except OSError as error:
        raise _unwritable(fresh, error) from error


def _close_to_others(path: Path) -> None:
    """Let nobody else read a database that is there, and was made when it held no secrets."""
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        with suppress(OSError):  # not there, or another's: it works as it did
            file.chmod(file.stat().st_mode & 0o700)


def _remove(path: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _rename(fresh: Path, path: Path) -> None:
    try:
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> StorageFullError:
    return StorageFullError(
        f"database {path} cannot be made",
        value=error.strerror,
        expected="a folder with room and permission to write",
        fix="mend it, or choose another place for the store",
    )


def _revision_without_table(database: Database, connection: Connection) -> str | None:
    names = inspect(connection).get_table_names()
    if names and database.is_sqlite:
        raise SchemaError(
            "the file is a database, but not one of Lapwise; it was not touched",
            value=", ".join(sorted(names)[:5]),
            expected="a store that Lapwise made, or a new name",
            fix="choose another file",
        )
    return None


def _state(error: DBAPIError) -> object:
    return getattr(error.orig, "sqlstate", None)
