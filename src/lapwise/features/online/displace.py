"""Plants an error in the online store: one row's event is moved."""

from __future__ import annotations

from lapwise.core.errors import NotFoundError
from lapwise.features.online.history import History
from lapwise.features.online.layout import packed

__all__ = ["displace"]


def displace(history: History, entity: list[object], by: int) -> object:
    """Move the event of an entity's last row by some microseconds, and return the row's key.

    Raises:
        NotFoundError: the entity has no row.
    """
    row = history.latest_row(packed(entity))
    if row is None:
        raise NotFoundError(
            f"view '{history.view.name}' has no row online for this entity", value=entity
        )
    history.move(row, (row.event or 0) + by)
    return row.key[0] if len(row.key) == 1 else row.key
