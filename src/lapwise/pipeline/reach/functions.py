"""Functions and whatever behaves like one."""

from __future__ import annotations

import functools
import re
import sys
from types import (
    BuiltinFunctionType,
    CellType,
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from lapwise.pipeline.reach.bytecode import facts
from lapwise.pipeline.reach.lookups import lookups
from lapwise.pipeline.reach.tokens import text, token
from lapwise.pipeline.reach.visitor import Visitor

__all__ = ["CALLABLES", "annotation", "encode_function"]

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_LRU = type(functools.lru_cache(len))


def encode_function(visitor: Visitor, function: FunctionType) -> bytes:
    """Return a reference to a project function, or the name of a library's."""
    if visitor.places.is_library(function.__code__.co_filename):
        return _library_function(visitor, function)
    name = f"{function.__module__}.{function.__qualname__}"
    return visitor.node("function", name, function, lambda: _project_function(visitor, function))


def _project_function(visitor: Visitor, function: FunctionType) -> bytes:
    namespace = function.__globals__
    module = sys.modules.get(namespace.get("__name__", ""))
    if module is not None and vars(module) is namespace:
        visitor.module(module)
    known = facts(function.__code__)
    defaults, named = function.__defaults__, function.__kwdefaults__
    return token(
        b"function",
        known.digest.encode(),
        visitor.value(defaults),
        visitor.value(named),
        *(_cell(visitor, cell) for cell in function.__closure__ or ()),
        visitor.value(dict(function.__dict__)),
        *(text(name) + annotation(value) for name, value in function.__annotations__.items()),
        lookups(visitor, known, namespace),
    )


def _library_function(visitor: Visitor, function: FunctionType) -> bytes:
    """Return its name; what a decorator closed over may be the project's, so it is followed."""
    module = str(function.__globals__.get("__name__", ""))
    name = function.__code__.co_qualname
    visitor.package(module)
    reached = []
    if name == "singledispatch.<locals>.wrapper":
        # The dispatch cache beside the registry changes with every call, and decides nothing.
        reached.append(visitor.value(dict(function.registry)))  # type: ignore[attr-defined]
    elif function.__closure__:
        reached += [_cell(visitor, cell) for cell in function.__closure__]
        reached.append(visitor.value(function.__defaults__))
        reached.append(visitor.value(function.__kwdefaults__))
    wrapped = function.__dict__.get("__wrapped__")
    if wrapped is not None:
        reached.append(visitor.value(wrapped))
    return token(b"library", text(module), text(name), *reached)


def _cell(visitor: Visitor, cell: CellType) -> bytes:
    try:
        content = cell.cell_contents
    except ValueError:
        return b"empty"
    return visitor.value(content)


def annotation(value: object) -> bytes:
    """Return an annotation as text: it documents, and what reads it is followed as dynamic."""
    if isinstance(value, str):
        return token(b"s", text(value))
    if isinstance(value, type):
        return token(b"a", text(f"{value.__module__}.{value.__qualname__}"))
    return token(b"r", text(_ADDRESS.sub("", repr(value))))


def _method(visitor: Visitor, method: Any) -> bytes:
    return token(b"method", visitor.value(method.__self__), visitor.value(method.__func__))


def _builtin(visitor: Visitor, function: Any) -> bytes:
    owner = getattr(function, "__self__", None)
    module = getattr(function, "__module__", None) or ""
    if owner is not None and not isinstance(owner, ModuleType):
        return token(b"bound", text(function.__qualname__), visitor.value(owner))
    if module:
        visitor.package(module)
    return token(b"builtin", text(module), text(function.__qualname__))


def _wrapper(visitor: Visitor, method: Any) -> bytes:
    return token(b"bound", text(method.__qualname__), visitor.value(method.__self__))


def _descriptor(visitor: Visitor, descriptor: Any) -> bytes:
    return token(b"descriptor", visitor.value(descriptor.__objclass__), text(descriptor.__name__))


def _partial(visitor: Visitor, partial: functools.partial[Any]) -> bytes:
    parts = (partial.func, partial.args, partial.keywords, partial.__dict__)
    return token(b"partial", *(visitor.value(part) for part in parts))


def _property(visitor: Visitor, held: property) -> bytes:
    return token(b"property", *(visitor.value(part) for part in (held.fget, held.fset, held.fdel)))


def _wrapping(visitor: Visitor, held: Any) -> bytes:
    return token(text(type(held).__name__), visitor.value(held.__func__))


def _cached_property(visitor: Visitor, held: functools.cached_property[Any]) -> bytes:
    return token(b"cached_property", visitor.value(held.func))


def _cached_function(visitor: Visitor, held: Any) -> bytes:
    # What the cache holds is what the function returned; `typed` decides whether 1 is 1.0 to it.
    settings = visitor.value(held.cache_parameters())
    return token(b"lru_cache", visitor.value(held.__wrapped__), settings)


CALLABLES: dict[type, Any] = {
    FunctionType: encode_function,
    MethodType: _method,
    BuiltinFunctionType: _builtin,
    MethodWrapperType: _wrapper,
    WrapperDescriptorType: _descriptor,
    MethodDescriptorType: _descriptor,
    ClassMethodDescriptorType: _descriptor,
    GetSetDescriptorType: _descriptor,
    MemberDescriptorType: _descriptor,
    functools.partial: _partial,
    property: _property,
    staticmethod: _wrapping,
    classmethod: _wrapping,
    functools.cached_property: _cached_property,
    _LRU: _cached_function,
}
"""Encoders by exact type."""
