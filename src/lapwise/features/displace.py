"""Plants an error in the online store: one row's event is moved."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from lapwise.core.errors import NotFoundError
from lapwise.features.layout import Space, ViewState, packed, read_kept, row_type

if TYPE_CHECKING:
    import lmdb

__all__ = ["displace"]

_EVENT = Struct("<q")
_ROW = 24


def displace(
    transaction: lmdb.Transaction, state: ViewState, entity: list[object], by: int
) -> object:
    """Move the event of an entity's last row by some microseconds, and return the row's key.

    Raises:
        NotFoundError: the entity has no row.
    """
    space, width = Space(state.number), row_type(state.columns).itemsize
    prefix = space.chunks + packed(entity)
    with transaction.cursor() as cursor:
        present = cursor.set_range(prefix + b"\xff" * 9)
        present = cursor.prev() if present else cursor.last()
        if not present or not bytes(cursor.key()).startswith(prefix):
            raise NotFoundError(
                f"view '{state.view}' has no row online for this entity", value=entity
            )
        key, content = cursor.key(), bytearray(cursor.value())
    offset = len(content) - width
    (event,) = _EVENT.unpack_from(content, offset)
    _EVENT.pack_into(content, offset, event + by)
    transaction.put(key, content)
    row = _EVENT.unpack_from(content, offset + _ROW)[0]
    kept = read_kept(transaction.get(space.row(row)) or b"")
    return kept.key[0] if len(kept.key) == 1 else kept.key
