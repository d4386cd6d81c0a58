"""What the online store knows of each version of a view: read, checked, counted, numbered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from lapwise.core.digest import Digest
from lapwise.core.errors import FeatureError
from lapwise.features.batch import Shape
from lapwise.features.layout import Space, ViewState, row_type, state_key
from lapwise.features.model import FeatureView

if TYPE_CHECKING:
    import lmdb

__all__ = [
    "ViewStats",
    "all_stats",
    "check_shape",
    "find_state",
    "has_shape",
    "next_number",
    "put_state",
    "read_state",
]

_decode = msgspec.msgpack.Decoder(ViewState).decode
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class ViewStats:
    """One version of a view in the store; times in microseconds.

    Rows known before ``watermark`` were materialised, ``latest`` is the greatest known time of any
    row, and the store answers as of ``floor`` and later.
    """

    view: str
    table: str
    entities: int
    rows: int
    watermark: int
    latest: int
    floor: int


def read_state(transaction: lmdb.Transaction, digest: Digest) -> ViewState | None:
    """Return the state of a view, None if it was never materialised."""
    content = transaction.get(state_key(digest))
    return None if content is None else _decode(content)


def put_state(transaction: lmdb.Transaction, digest: Digest, state: ViewState) -> None:
    """Keep the state of a view."""
    transaction.put(state_key(digest), _encode(state))


def find_state(transaction: lmdb.Transaction, view: FeatureView, digest: Digest) -> ViewState:
    """Return the state of a view.

    Raises:
        FeatureError: the view was never materialised.
    """
    state = read_state(transaction, digest)
    if state is None:
        raise FeatureError(
            f"view '{view.name}' was never materialised online in this version",
            value=digest[:12],
            expected="its rows in the online store",
            fix="lapwise features materialize",
        )
    return state


def next_number(transaction: lmdb.Transaction) -> int:
    """Return a number that no view has had."""
    number = int.from_bytes(transaction.get(b"number") or b"", "big") + 1
    transaction.put(b"number", number.to_bytes(4, "big"))
    return number


def has_shape(state: ViewState, shape: Shape) -> bool:
    """Return whether a view's columns have the types that the store has."""
    return (shape.key, shape.by, shape.columns) == (state.key, state.by, state.columns)


def check_shape(view: FeatureView, shape: Shape, state: ViewState) -> None:
    """Refuse rows of other types than the store has.

    Raises:
        FeatureError: a column has another type.
    """
    if has_shape(state, shape):
        return
    columns = [*view.table.key, *view.by, *view.columns]
    found = [*shape.key, *shape.by, *(column.dtype for column in shape.columns)]
    wanted = [*state.key, *state.by, *(column.dtype for column in state.columns)]
    for column, now, before in zip(columns, found, wanted, strict=True):
        if now != before:
            raise FeatureError(
                f"view '{view.name}': column '{column}' has another type than online",
                value=now,
                expected=before,
                fix=f"cast '{column}', or lapwise features materialize",
            )


def all_stats(transaction: lmdb.Transaction) -> dict[Digest, ViewStats]:
    """Return what the store holds, by the digest of the view; it counts all rows."""
    found = {}
    with transaction.cursor() as cursor:
        present = cursor.set_range(b"m")
        while present and (key := bytes(cursor.key())).startswith(b"m"):
            found[key[1:].hex()] = _stats(transaction, _decode(cursor.value()))
            present = cursor.next()
    return found


def _stats(transaction: lmdb.Transaction, state: ViewState) -> ViewStats:
    space, width = Space(state.number), row_type(state.columns).itemsize
    entities: set[bytes] = set()
    rows = 0
    with transaction.cursor() as cursor:
        found = cursor.set_range(space.chunks)
        while found and bytes(cursor.key()).startswith(space.chunks):
            entities.add(bytes(cursor.key())[len(space.chunks) : -8])
            rows += len(cursor.value()) // width
            found = cursor.next()
    return ViewStats(
        view=state.view,
        table=state.table,
        entities=len(entities),
        rows=rows,
        watermark=state.watermark,
        latest=state.latest,
        floor=state.floor,
    )
