"""How long a search may take: a filter may be short, and still keep a database busy for hours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from lapwise.core.clock import MachineClock
from lapwise.core.errors import DeclarationError

__all__ = ["SECONDS", "hurried"]

SECONDS = 30.0
"""A search that takes longer is given up."""

_STEPS = 1_000  # of SQLite's machine between two looks at the clock; one may compare a long text
_CANCELLED = "57014"
_INTERRUPTED = "SQLITE_INTERRUPT"


@contextmanager
def hurried(connection: Connection, seconds: float = SECONDS) -> Iterator[None]:
    """Give up what a connection is asked inside the block when it has taken too long.

    On PostgreSQL each statement has so long, until the transaction ends; on SQLite the block has.

    Raises:
        DeclarationError: it took too long.
    """
    raw: Any = None
    if connection.dialect.name == "sqlite":
        clock = MachineClock()
        until = clock.monotonic() + seconds
        raw = connection.connection.driver_connection
        raw.set_progress_handler(lambda: clock.monotonic() > until, _STEPS)
    else:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(seconds * 1000)}")
    try:
        yield
    except DBAPIError as error:
        code = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", "")
        if code not in {_CANCELLED, _INTERRUPTED}:
            raise
        raise DeclarationError(
            "the search takes too long, and was given up",
            expected=f"an answer within {seconds:g} s",
            fix="ask for less: fewer parts, or a filter that begins with an experiment or a time",
        ) from None
    finally:
        if raw is not None:
            raw.set_progress_handler(None, 0)
