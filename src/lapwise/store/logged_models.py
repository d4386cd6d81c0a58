"""Logged models: what runs saved before anybody registered it."""

from __future__ import annotations

from lapwise.store.database import Database

__all__ = ["SqlLoggedModels"]


class SqlLoggedModels:
    """Implements :class:`lapwise.store.tracked.LoggedModels`."""

    def __init__(self, database: Database) -> None:
        self._database = database
