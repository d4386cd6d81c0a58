"""Webhooks, and how far their deliveries have come."""

from __future__ import annotations

from lapwise.store.database import Database

__all__ = ["SqlWebhooks"]


class SqlWebhooks:
    """Implements :class:`lapwise.store.access.Webhooks`."""

    def __init__(self, database: Database) -> None:
        self._database = database
