"""Experiments: what runs belong to."""

from __future__ import annotations

from lapwise.store.database import Database

__all__ = ["SqlExperiments"]


class SqlExperiments:
    """Implements :class:`lapwise.store.tracked.Experiments`."""

    def __init__(self, database: Database) -> None:
        self._database = database
