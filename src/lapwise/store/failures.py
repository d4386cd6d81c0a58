"""What a driver's error means, in words that carry neither SQL nor values.

A statement and its parameters may hold what nobody should read in a log, so the driver's message
is not passed on; its code is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import exc

from lapwise.core.errors import (
    ConflictError,
    CorruptError,
    SchemaError,
    StorageFullError,
    StoreError,
    UnfitError,
)

__all__ = ["translated"]

_SQLITE = {
    sqlite3.SQLITE_FULL: StorageFullError,
    sqlite3.SQLITE_IOERR: StorageFullError,
    sqlite3.SQLITE_READONLY: StorageFullError,
    sqlite3.SQLITE_CANTOPEN: StorageFullError,
    sqlite3.SQLITE_PERM: StorageFullError,
    sqlite3.SQLITE_BUSY: ConflictError,
    sqlite3.SQLITE_LOCKED: ConflictError,
    sqlite3.SQLITE_CONSTRAINT: ConflictError,
    sqlite3.SQLITE_CORRUPT: CorruptError,
    sqlite3.SQLITE_NOTADB: CorruptError,
}
# By SQLSTATE, or its first two characters (the class).
_POSTGRESQL = {
    "23": ConflictError,
    "40": ConflictError,
    "55P03": ConflictError,
    "53": StorageFullError,
    "42501": StorageFullError,
    "25006": StorageFullError,
    "42P01": SchemaError,
    "42703": SchemaError,
    "XX001": CorruptError,
    "XX002": CorruptError,
}
_SAYS: dict[type[StoreError], tuple[str, str, str]] = {
    StorageFullError: (
        "the database cannot be written",
        "room on the disk and permission to write",
        "free some space or mend the permissions, then repeat; nothing was half written",
    ),
    ConflictError: (
        "somebody else was first",
        "no other process writing the same at the same time",
        "repeat the command",
    ),
    CorruptError: (
        "the database is damaged, or is not a database",
        "",
        "lapwise doctor, then lapwise db restore from a backup",
    ),
    SchemaError: (
        "the database lacks a table or a column",
        "the schema of this version of Lapwise",
        "lapwise db upgrade",
    ),
    StoreError: ("the database refused or does not answer", "", "lapwise doctor"),
}


@contextmanager
def translated() -> Iterator[None]:
    """Raise the StoreError that a driver's error inside the block means."""
    try:
        yield
    except exc.DBAPIError as error:
        raise _translation(error.orig) from None
    except exc.SQLAlchemyError as error:
        raise StoreError(
            "the database cannot be used", value=type(error).__name__, fix="lapwise doctor"
        ) from None
    except (OverflowError, UnicodeError) as error:
        raise UnfitError(
            "a value does not fit the database",
            value=str(error),
            expected="text that is valid Unicode, integers of at most 64 bits",
        ) from None


def _translation(error: BaseException | None) -> StoreError:
    code, kind = type(error).__name__, StoreError
    if isinstance(error, sqlite3.Error):
        number = getattr(error, "sqlite_errorcode", None)
        if number is not None:
            code = error.sqlite_errorname
            kind = _SQLITE.get(number & 0xFF, StoreError)
    else:
        state = getattr(error, "sqlstate", None)
        if state:
            code = state
            kind = _POSTGRESQL.get(state) or _POSTGRESQL.get(state[:2], StoreError)
    if code in {"SQLITE_BUSY", "SQLITE_LOCKED"}:
        return ConflictError(
            "the database stayed locked by another process",
            value=code,
            expected="a writer that finishes within a minute",
            fix="see who holds it (fuser lapwise.db), end it, repeat",
        )
    # psycopg itself refuses a NUL, without a state; 54 is an index's own limit on a long name.
    if code == "DataError" or (not isinstance(error, sqlite3.Error) and code[:2] in {"22", "54"}):
        return UnfitError(
            "a value does not fit the database",
            value=code,
            expected="text that is valid Unicode without NUL, names of at most 2,000 bytes",
        )
    thing, expected, fix = _SAYS[kind]
    return kind(thing, value=code, expected=expected, fix=fix)
