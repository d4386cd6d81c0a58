"""The values of one tensor of a request, checked against its datatype and shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from lapwise.core.clock import parse_time
from lapwise.core.errors import DeclarationError
from lapwise.serving.model import InferenceError, RequestInput

__all__ = [
    "BOOLEANS",
    "FLOATS",
    "INSTANTS",
    "INTEGERS",
    "NAMES",
    "NUMBERS",
    "TEXT",
    "Kind",
    "values",
]

Decoders: TypeAlias = Mapping[str, tuple[msgspec.json.Decoder[Any], msgspec.json.Decoder[Any]]]


def _decoders(type_: Any, *datatypes: str) -> Decoders:
    # By the number of axes: [n] is flat, [n, 1] may come flat or as rows of one.
    flat = msgspec.json.Decoder(list[type_ | None])
    nested = msgspec.json.Decoder(list[type_ | tuple[type_ | None] | None])
    return dict.fromkeys(datatypes, (flat, nested))


_RANGES = {
    **{f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
_FLOATS = _decoders(float, "FP32", "FP64")
# The ranges are not left to the decoder: msgspec fails on limits inside a tuple inside a union.
_INTEGERS = _decoders(int, *_RANGES)
_BOOLEANS = _decoders(bool, "BOOL")
_STRINGS = _decoders(str, "BYTES")
_DATATYPES = frozenset({*_FLOATS, *_INTEGERS, *_BOOLEANS, *_STRINGS})


class Kind(msgspec.Struct, frozen=True):
    """What may stand in a column: the datatypes it takes, and the one it is advertised as."""

    decoders: dict[str, Any]
    shown: str


NUMBERS = Kind({**_FLOATS, **_INTEGERS, **_BOOLEANS}, "FP32")
"""A number that a model takes."""

TEXT = Kind({**_STRINGS}, "BYTES")
FLOATS = Kind({**_FLOATS, **_INTEGERS}, "FP64")
INTEGERS = Kind({**_INTEGERS}, "INT64")
BOOLEANS = Kind({**_BOOLEANS}, "BOOL")

INSTANTS = Kind({**_STRINGS, "INT64": _INTEGERS["INT64"]}, "INT64")
"""Microseconds since 1970, UTC, or ISO 8601."""

NAMES = Kind({**_STRINGS, **_INTEGERS}, "BYTES")
"""What names a row or a unit."""


def values(one: RequestInput, kind: Kind) -> list[Any]:
    """Return a tensor's values, flat; None where missing.

    Raises:
        InferenceError: it is not what its datatype and shape say, or of a datatype that the column
            does not take.
    """
    decoders = kind.decoders.get(one.datatype)
    if decoders is None:
        return _nothing(one, kind)
    shape = one.shape
    axes = len(shape)
    if axes not in (1, 2) or shape[0] < 0 or (axes == 2 and shape[1] != 1):
        raise InferenceError(400, f"input '{one.name}' must have shape [rows] or [rows, 1]")
    try:
        found: list[Any] = decoders[axes - 1].decode(one.data)
    except msgspec.DecodeError:
        raise _undecoded(one) from None
    if len(found) != shape[0]:
        raise InferenceError(
            400, f"input '{one.name}' has {len(found)} values, but its shape says {shape[0]}"
        )
    if axes == 2:
        found = _flat(one, found)
    if one.datatype in _RANGES:
        _check_range(one, found)
    if kind is FLOATS and one.datatype not in _FLOATS:
        return [None if value is None else float(value) for value in found]
    if kind is INSTANTS and one.datatype == "BYTES":
        return [None if value is None else _instant(one.name, value) for value in found]
    return found


def _check_range(one: RequestInput, found: list[Any]) -> None:
    low, high = _RANGES[one.datatype]
    for value in found:
        if value is not None and not low <= value <= high:
            raise InferenceError(
                400, f"the data of input '{one.name}' must lie in the range of {one.datatype}"
            )


def _undecoded(one: RequestInput) -> InferenceError:
    """Say what is wrong; the library's message is not passed on: it may quote what was sent."""
    if not bytes(one.data):
        return InferenceError(400, f"input '{one.name}' has no data in JSON")
    return InferenceError(
        400,
        f"the data of input '{one.name}' must be a list of {one.datatype} or null, "
        f"flat or nested as its shape",
    )


def _flat(one: RequestInput, found: list[Any]) -> list[Any]:
    nested = [type(value) is tuple for value in found]
    if not any(nested):
        return found
    if not all(nested):
        raise InferenceError(400, f"the data of input '{one.name}' is not nested as its shape says")
    return [value[0] for value in found]


_NULLS = msgspec.json.Decoder(list[tuple[None] | None])


def _nothing(one: RequestInput, kind: Kind) -> list[Any]:
    """Return missing values of whatever datatype: a caller may not know the type of nothing."""
    datatypes = ", ".join(kind.decoders)
    if one.datatype not in _DATATYPES:
        raise InferenceError(400, f"input '{one.name}' must have one of the datatypes {datatypes}")
    try:
        found = _NULLS.decode(one.data)
    except msgspec.DecodeError:
        raise InferenceError(
            400, f"input '{one.name}' must have one of the datatypes {datatypes}"
        ) from None
    if one.shape not in ([len(found)], [len(found), 1]):
        raise InferenceError(
            400, f"input '{one.name}' has {len(found)} values, but its shape says otherwise"
        )
    return [None] * len(found)


def _instant(name: str, text: str) -> int:
    try:
        return parse_time(text)
    except (DeclarationError, OverflowError):
        raise InferenceError(
            400, f"input '{name}' must be instants: microseconds as INT64, or ISO 8601 as BYTES"
        ) from None
