"""Records as text in a column: JSON that keeps every float, NaN and infinities included."""

from __future__ import annotations

import math
import re
from typing import Any, TypeVar

import msgspec

from lapwise.core.errors import CorruptError, UnfitError

__all__ = ["checked", "decode", "encode"]

T = TypeVar("T")

_JSON = msgspec.json.Encoder(order="deterministic")
_MSGPACK = msgspec.msgpack.Encoder()
# JSON has no NaN and msgspec writes null for it. A MessagePack double whose exponent is all ones
# is one of the three; a false alarm only costs the slow path.
_NOT_FINITE = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]")
_MARK = "$float"


def encode(record: object) -> str:
    """Return the canonical JSON of a record: equal records give equal text.

    Raises:
        UnfitError: the record holds something that JSON cannot say (an integer beyond 64 bits,
            half a character).

    >>> encode({"b": float("nan"), "a": 1})
    '{"a":1,"b":{"$float":"nan"}}'
    """
    try:
        if _NOT_FINITE.search(_MSGPACK.encode(record)):
            record = _mark(msgspec.to_builtins(record))
        return _JSON.encode(record).decode()
    except (TypeError, OverflowError, UnicodeError, ValueError) as error:
        raise UnfitError(
            f"a {type(record).__name__} cannot be kept",
            value=str(error),
            expected="text that is valid Unicode, numbers of at most 64 bits",
        ) from error


def decode(text: str, kind: type[T]) -> T:
    """Return the record of a kind that :func:`encode` wrote.

    Raises:
        CorruptError: the text is not such a record.

    >>> decode(encode(float("-inf")), float)
    -inf
    """
    try:
        if _MARK in text:
            return msgspec.convert(_unmark(msgspec.json.decode(text)), kind)
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise CorruptError(
            f"a stored {getattr(kind, '__name__', kind)} does not decode",
            value=str(error),
            fix="lapwise doctor",
        ) from error


def checked(record: T) -> T:
    """Return a record as it will be read, so that one of wrong types is refused before it is kept.

    Raises:
        UnfitError: it would not be read again.
    """
    try:
        return decode(encode(record), type(record))
    except CorruptError as error:
        raise UnfitError(f"a {type(record).__name__} cannot be kept", value=error.value) from error


def _mark(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {_MARK: str(value)}
    if isinstance(value, dict):
        return {key: _mark(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mark(item) for item in value]
    return value


def _unmark(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {_MARK}:
            return float(value[_MARK])
        return {key: _unmark(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unmark(item) for item in value]
    return value
