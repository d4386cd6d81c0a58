"""What happened, in order."""

from __future__ import annotations

from lapwise.store.database import Database

__all__ = ["SqlEvents"]


class SqlEvents:
    """Implements :class:`lapwise.store.access.Events`."""

    def __init__(self, database: Database) -> None:
        self._database = database
