"""What the online store knows of each version of a view: read, checked, counted, numbered."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

import msgspec

from lapwise.core.digest import Digest
from lapwise.core.errors import CorruptError, FeatureError, NotMaterialisedError
from lapwise.features.model import FeatureView
from lapwise.features.online.backend import Backend, Writer
from lapwise.features.online.batch import Shape
from lapwise.features.online.damage import UNREADABLE, damaged
from lapwise.features.online.fields import ROWS
from lapwise.features.online.layout import Space, ViewState, state_key
from lapwise.features.online.lines import HEAD

__all__ = [
    "ViewStats",
    "all_stats",
    "check_shape",
    "has_shape",
    "next_number",
    "put_state",
    "read_state",
    "require_state",
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


def read_state(content: bytes | None) -> ViewState | None:
    """Return a view's state from its record."""
    return None if content is None else _state(content)


def require_state(content: bytes | None, view: FeatureView, digest: Digest) -> ViewState:
    """Return a view's state from its record.

    Raises:
        NotMaterialisedError: it has none.
        CorruptError: it is damaged.
    """
    if content is None:
        raise NotMaterialisedError(
            f"view '{view.name}' was never materialised online in this version",
            value=digest[:12],
            expected="its rows in the online store",
            fix="lapwise features materialize",
        )
    return _state(content)


def _state(content: bytes) -> ViewState:
    try:
        return _decode(content)
    except msgspec.DecodeError as error:
        raise CorruptError(
            "what the online store keeps of a view is damaged",
            expected="what a write of Lapwise left there",
            fix="delete the store, then lapwise features materialize",
        ) from error


def put_state(writer: Writer, digest: Digest, state: ViewState) -> None:
    """Keep the state of a view."""
    writer.put(state_key(digest), _encode(state))


def next_number(writer: Writer) -> int:
    """Return a number that no view has had."""
    (last,) = writer.get([_LAST])
    number = int.from_bytes(last or b"", "big") + 1
    writer.put(_LAST, number.to_bytes(4, "big"))
    return number


_LAST = b"number"
_NUMBER = Struct("<q")


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


def all_stats(backend: Backend) -> dict[Digest, ViewStats]:
    """Return what the store holds, by the digest of the view; it reads all of it."""
    states = {key[1:].hex(): _state(content) for key, content in backend.scan(b"v")}
    return {digest: _stats(backend, state) for digest, state in states.items()}


def _stats(backend: Backend, state: ViewState) -> ViewStats:
    entities = rows = 0
    for _, content in backend.scan(Space(state.number).pages):
        try:
            _, number, _ = HEAD.unpack_from(content)
            if number:  # the first line is all of it
                rows += _NUMBER.unpack_from(content, HEAD.size + 8 * ROWS)[0]
        except UNREADABLE as error:
            raise damaged(state.view) from error
        entities += 1
    return ViewStats(
        view=state.view,
        table=state.table,
        entities=entities,
        rows=rows,
        watermark=state.watermark,
        latest=state.latest,
        floor=state.floor,
    )
