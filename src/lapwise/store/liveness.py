"""Whether a run still lives: by its last beat, and the store's clock."""

from __future__ import annotations

import msgspec
from sqlalchemy import ColumnElement, and_, case

from lapwise.core.model import Run
from lapwise.store.database import Database
from lapwise.store.encoding import decode
from lapwise.store.schema import run as run_table

__all__ = ["SILENT", "as_seen", "read_run", "status_of"]

SILENT = 45_000_000
"""Microseconds without a beat after which a running run is read as crashed."""


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
    silent = and_(columns.status == "running", columns.beat < database.clock() - SILENT)
    return case((silent, "crashed"), else_=columns.status)
