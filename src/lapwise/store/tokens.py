"""Tokens, under the hashes of their secrets."""

from __future__ import annotations

from lapwise.store.database import Database

__all__ = ["SqlTokens"]


class SqlTokens:
    """Implements :class:`lapwise.store.access.Tokens`."""

    def __init__(self, database: Database) -> None:
        self._database = database
