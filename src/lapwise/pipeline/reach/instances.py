"""Objects by what they hold: plain containers, frames, arrays, records, and any that can be reduced."""

from __future__ import annotations

import copyreg
import enum
import io
from collections.abc import Callable, Iterable
from pathlib import PurePath
from types import CodeType, MappingProxyType
from typing import Any

import msgspec

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import DeclarationError
from lapwise.pipeline.graph import Later
from lapwise.pipeline.model import Handle
from lapwise.pipeline.reach.bytecode import facts
from lapwise.pipeline.reach.classes import is_library_class
from lapwise.pipeline.reach.declared import declared
from lapwise.pipeline.reach.tokens import text, token
from lapwise.pipeline.reach.visitor import Visitor
from lapwise.pipeline.steps import Step

__all__ = ["CONTAINERS", "encode_instance"]

# They guard; no result depends on what they are.
_GUARDS = frozenset({"_thread.lock", "_thread.RLock"})
# Steps of an iteration: digesting one says where it stands, not what it will give.
_ITERATIONS = frozenset({"itertools", "_io"})
_PYTHON_IN_EXPRESSION = (b"AnonymousFunction", b"Python", b"FfiPlugin")


def _list(visitor: Visitor, value: list[Any]) -> bytes:
    return token(b"l", *(visitor.value(part) for part in value))


def _tuple(visitor: Visitor, value: tuple[Any, ...]) -> bytes:
    return token(b"t", *(visitor.value(part) for part in value))


def _mapping(visitor: Visitor, value: dict[Any, Any]) -> bytes:
    # In order: a loop over a dict sees the order.
    return token(b"d", *(visitor.value(part) for pair in value.items() for part in pair))


def _set(visitor: Visitor, value: set[Any] | frozenset[Any]) -> bytes:
    tag = b"z" if isinstance(value, frozenset) else b"Z"
    # Sorted before they are visited, because functions and classes are numbered as they are met.
    ordered = sorted(value, key=lambda part: (type(part).__qualname__, _name(part)))
    return token(tag, *sorted(visitor.value(part) for part in ordered))


def _name(value: object) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', '')}"


def _code(_: Visitor, value: CodeType) -> bytes:
    return token(b"code", facts(value).digest.encode())


CONTAINERS: dict[type, Callable[[Visitor, Any], bytes]] = {
    list: _list,
    tuple: _tuple,
    dict: _mapping,
    MappingProxyType: _mapping,
    set: _set,
    frozenset: _set,
    CodeType: _code,
}
"""Encoders by exact type."""


def encode_instance(visitor: Visitor, value: Any) -> bytes:
    """Return an encoding of an object by its class and what it holds.

    Raises:
        OpaqueError: it cannot say what it holds (an open file, a connection, a running iterator).
    """
    cls = type(value)
    place = cls.__module__.partition(".")[0]
    if isinstance(value, enum.Enum):
        return token(b"e", visitor.value(cls), text(value.name), visitor.value(value.value))
    if isinstance(value, msgspec.Struct):
        held = (getattr(value, name) for name in value.__struct_fields__)
        return token(b"r", visitor.value(cls), *(visitor.value(part) for part in held))
    if isinstance(value, Step):
        return token(b"step", declared(visitor, value), visitor.value(value.function))
    if isinstance(value, Later):
        value.refuse()
    if isinstance(value, Handle):
        for package in value.packages:
            visitor.package(package)
        return token(b"handle", value.digest.encode())
    if isinstance(value, PurePath):
        return _path(visitor, value)
    if place == "polars" and cls.__name__ in _FRAMES:
        visitor.package("polars")
        return token(text(cls.__name__), _FRAMES[cls.__name__](visitor, value))
    if place == "numpy" and cls.__name__ in {"ndarray", "memmap"}:
        visitor.package("numpy")
        return _array(visitor, value)
    return _reduced(visitor, value, cls)


def _path(visitor: Visitor, value: PurePath) -> bytes:
    name = token(b"p", text(type(value).__name__), text(str(value)))
    return token(b"p", name, visitor.file(value) if hasattr(value, "stat") else b"")  # type: ignore[arg-type]


def _frame(visitor: Visitor, value: Any) -> bytes:
    """Return the digest of a DataFrame, types included."""
    buffer = io.BytesIO()
    try:
        value.rechunk().write_parquet(buffer, compression="uncompressed")
    except Exception as error:
        raise visitor.refuse(value, f"Polars cannot write it ({error})") from error
    return digest_bytes(buffer.getbuffer()).encode()


def _series(visitor: Visitor, value: Any) -> bytes:
    return token(b"series", text(value.name), _frame(visitor, value.alias("").to_frame()))


def _lazy_frame(visitor: Visitor, value: Any) -> bytes:
    # A plan names files, not what is in them, so the plan's result is what counts.
    return _frame(visitor, value.collect())


def _expression(visitor: Visitor, value: Any) -> bytes:
    plan = value.meta.serialize()
    if any(mark in plan for mark in _PYTHON_IN_EXPRESSION):
        raise visitor.refuse(value, "it calls Python, which its serialised form does not show")
    return token(b"plan", plan)


# What an instance of a project class holds as a container, whatever its own methods say.
_COPIES: tuple[tuple[type, Callable[[Any], object]], ...] = (
    (dict, dict.copy),
    (list, list.copy),
    (tuple, lambda value: list(tuple.__iter__(value))),
    (set, lambda value: set(set.__iter__(value))),
    (frozenset, lambda value: set(frozenset.__iter__(value))),
    (str, str.__str__),
    (bytes, lambda value: bytes.__getitem__(value, slice(None))),
    (int, int.__int__),
    (float, float.__float__),
)

_FRAMES: dict[str, Callable[[Visitor, Any], bytes]] = {
    "DataFrame": _frame,
    "Series": _series,
    "LazyFrame": _lazy_frame,
    "Expr": _expression,
}


def _array(visitor: Visitor, value: Any) -> bytes:
    kind = visitor.value(value.dtype.descr if value.dtype.names else value.dtype.str)
    # Sums may differ in the last bit by the order in memory.
    order = b"F" if value.flags.f_contiguous and not value.flags.c_contiguous else b"C"
    shape = token(b"shape", *(b"%d" % size for size in value.shape), order)
    if value.dtype.hasobject:
        return token(b"objects", kind, shape, visitor.value(value.ravel().tolist()))
    import numpy as np

    content = np.ascontiguousarray(value).reshape(-1).view(np.uint8).data
    return token(b"array", kind, shape, digest_bytes(content).encode())


def _reduced(visitor: Visitor, value: Any, cls: type) -> bytes:
    """Return what an object says of itself to ``copy`` and its like; nothing is ever rebuilt."""
    name = f"{cls.__module__}.{cls.__qualname__}"
    if name in _GUARDS:
        return token(b"guard", text(name))
    if cls.__module__ in _ITERATIONS:
        raise visitor.refuse(value, "it is open or running, and its content cannot be seen")
    found = [visitor.value(cls)]
    if not is_library_class(visitor, cls):
        # The project's own classes may say less of themselves than they use.
        found.append(visitor.value(getattr(value, "__dict__", None)))
        found += _slots(visitor, value, cls)
        found += [visitor.value(copy(value)) for kind, copy in _COPIES if isinstance(value, kind)]
    try:
        reduce = copyreg.dispatch_table.get(cls)
        said = reduce(value) if reduce else value.__reduce_ex__(4)
    except DeclarationError:
        raise
    except Exception as error:
        raise visitor.refuse(value, f"{error}") from error
    if isinstance(said, str):
        visitor.package(cls.__module__)
        return token(b"named", text(getattr(value, "__module__", None) or ""), text(said), *found)
    function, arguments, state, items, pairs = (*said, None, None, None)[:5]
    found += [visitor.value(part) for part in (function, arguments, state)]
    found += [visitor.value(_listed(part)) for part in (items, pairs)]
    return token(b"o", *found)


def _listed(items: Iterable[Any] | None) -> list[Any] | None:
    return None if items is None else list(items)


def _slots(visitor: Visitor, value: object, cls: type) -> list[bytes]:
    found = []
    for parent in cls.__mro__:
        slots = parent.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if slot not in {"__dict__", "__weakref__"} and hasattr(value, slot):
                found += [text(slot), visitor.value(getattr(value, slot))]
    return found
