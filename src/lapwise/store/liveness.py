"""Whether a run still lives: by its last beat, and the store's clock."""

from __future__ import annotations

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    cast,
    func,
    select,
)

from lapwise.core.clock import MachineClock
from lapwise.core.model import Run
from lapwise.store.database import Database
from lapwise.store.encoding import decode
from lapwise.store.schema import run as run_table

__all__ = ["SILENT", "as_seen", "clock", "read_run", "status_of", "store_time"]

SILENT = 45_000_000
"""Microseconds without a beat after which a running run is read as crashed."""


def store_time(database: Database, connection: Connection) -> int:
    """Return microseconds since 1970 by the clock that all users of the store share."""
    if database.is_sqlite:
        return MachineClock().timestamp()
    return int(connection.scalar(select(clock(database))) or 0)


def clock(database: Database) -> ColumnElement[int]:
    """Return the store's clock as a column."""
    if database.is_sqlite:
        # A file never leaves its machine; the value is bound when the statement runs.
        return bindparam(
            "store_time", callable_=MachineClock().timestamp, type_=BigInteger, unique=True
        )
    return cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)


def as_seen(run: Run, now: int) -> Run:
    """Return a run as it is read at a time: ``crashed`` when it has been silent for too long."""
    if run.status == "running" and run.beat is not None and run.beat < now - SILENT:
        return msgspec.structs.replace(run, status="crashed")
    return run


def read_run(body: str, now: int) -> Run:
    """Return the run that a body holds, as it is seen at a time."""
    return as_seen(decode(body, Run), now)


def status_of(database: Database) -> ColumnElement[str]:
    """Return a run's status as it is seen now, as a column."""
    columns = run_table.c
    silent = and_(columns.status == "running", columns.beat < clock(database) - SILENT)
    return case((silent, "crashed"), else_=columns.status)
