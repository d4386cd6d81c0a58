"""Plain values and records, so that what is read back has every type that was written."""

from __future__ import annotations

import datetime as dt
import enum
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from lapwise.core.errors import CorruptError

__all__ = ["PlainCodec"]

# MessagePack alone turns tuples into lists and loses sets and large integers, so each container is
# a list that starts with its tag. Numbers, text, bytes and None are themselves.
_MACHINE = 2**63


class _UnwritableError(Exception):
    """The value holds something that is neither plain nor a record."""


class PlainCodec:
    """Writes None, numbers, text, bytes, lists, tuples, dicts, sets, dates, enums and records.

    Records (``msgspec.Struct``) and enum members are written with the place of their class, and
    made again field by field. Nothing else is imported and no other code runs.
    """

    name = "plain"

    def accepts(self, value: object) -> bool:
        """Return whether the value is plain all the way down."""
        try:
            _pack(value)
        except _UnwritableError:
            return False
        return True

    def write(self, value: object, path: Path) -> None:
        """Write the value as MessagePack."""
        path.write_bytes(msgspec.msgpack.encode(_pack(value)))

    def read(self, path: Path) -> object:
        """Return the value.

        Raises:
            CorruptError: the class of a record is gone or is no record.
        """
        return _unpack(msgspec.msgpack.decode(path.read_bytes()))


def _pack(value: Any) -> Any:
    cls = type(value)
    if cls in _ATOMS:
        return value
    if cls is int:
        return value if -_MACHINE <= value < _MACHINE else ["i", hex(value)]
    if cls is str:
        return value if value.isascii() or _is_unicode(value) else ["s", _surrogates(value)]
    if cls in _SEQUENCES:
        return [_SEQUENCES[cls], *map(_pack, value)]
    if cls is set or cls is frozenset:
        packed = sorted(map(_pack, value), key=msgspec.msgpack.encode)
        return ["z" if cls is frozenset else "Z", *packed]
    if cls is dict:
        return ["d", *(_pack(part) for pair in value.items() for part in pair)]
    if cls in _TIMES and getattr(value, "tzinfo", None) is None:
        return [_TIMES[cls], value.isoformat(), getattr(value, "fold", 0)]
    if cls is dt.datetime and value.tzinfo is dt.UTC:
        return ["U", value.replace(tzinfo=None).isoformat()]
    if cls is dt.timedelta:
        return ["D", value.days, value.seconds, value.microseconds]
    if isinstance(value, enum.Enum) and _found(_place(cls)) is cls:
        return ["e", _place(cls), value.name]
    if isinstance(value, msgspec.Struct) and _found(_place(cls)) is cls:
        names = value.__struct_fields__
        return ["r", _place(cls), *(_pack(part) for n in names for part in (n, getattr(value, n)))]
    raise _UnwritableError


_ATOMS = frozenset({type(None), bool, float, bytes})
_SEQUENCES: dict[Any, str] = {list: "l", tuple: "t"}
_TIMES: dict[Any, str] = {dt.datetime: "T", dt.date: "A", dt.time: "M"}


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _surrogates(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _place(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _found(place: str) -> object:
    module, _, name = place.partition(":")
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _unpack(packed: Any) -> Any:
    if type(packed) is not list:
        return packed
    tag, *parts = packed
    return _READERS[tag](parts)


def _record(parts: list[Any]) -> Any:
    cls = _class(parts[0], msgspec.Struct)
    values = [_unpack(part) for part in parts[1:]]
    return cls(**dict(zip(values[::2], values[1::2], strict=True)))


def _member(parts: list[Any]) -> Any:
    return _class(parts[0], enum.Enum)[parts[1]]


def _class(place: str, kind: type) -> Any:
    try:
        importlib.import_module(place.partition(":")[0])
    except ImportError as error:
        raise CorruptError("a kept record's module is gone", value=place) from error
    cls = _found(place)
    if not isinstance(cls, type) or not issubclass(cls, kind):
        raise CorruptError(f"a kept value's class is no {kind.__name__} any more", value=place)
    return cls


_READERS: dict[str, Callable[[list[Any]], Any]] = {
    "i": lambda parts: int(parts[0], 16),
    "s": lambda parts: parts[0].decode("utf-8", "surrogatepass"),
    "l": lambda parts: [_unpack(part) for part in parts],
    "t": lambda parts: tuple(_unpack(part) for part in parts),
    "z": lambda parts: frozenset(_unpack(part) for part in parts),
    "Z": lambda parts: {_unpack(part) for part in parts},
    "d": lambda parts: dict(zip(map(_unpack, parts[::2]), map(_unpack, parts[1::2]), strict=True)),
    "T": lambda parts: dt.datetime.fromisoformat(parts[0]).replace(fold=parts[1]),
    "A": lambda parts: dt.date.fromisoformat(parts[0]),
    "M": lambda parts: dt.time.fromisoformat(parts[0]).replace(fold=parts[1]),
    "U": lambda parts: dt.datetime.fromisoformat(parts[0]).replace(tzinfo=dt.UTC),
    "D": lambda parts: dt.timedelta(*parts),
    "e": _member,
    "r": _record,
}
