"""Classes: a library's by name, the project's by everything in them and above them."""

from __future__ import annotations

import abc
import sys
from types import CodeType
from typing import Any

import msgspec

from lapwise.pipeline.reach.bytecode import facts
from lapwise.pipeline.reach.functions import CALLABLES, annotation
from lapwise.pipeline.reach.lookups import lookups
from lapwise.pipeline.reach.tokens import text, token
from lapwise.pipeline.reach.visitor import Visitor

__all__ = ["encode_class", "is_library_class"]

# Where it stands, and what Python or ABCMeta derives from the rest.
_SKIPPED = frozenset(
    {
        *("__dict__", "__weakref__", "__module__", "__annotations__", "__firstlineno__"),
        *("__static_attributes__", "__annotate_func__", "__annotations_cache__", "_abc_impl"),
    }
)
_STRUCT = type(msgspec.Struct)


def encode_class(visitor: Visitor, cls: type) -> bytes:
    """Return a reference to a project class, or the name of a library's."""
    name = f"{cls.__module__}.{cls.__qualname__}"
    if is_library_class(visitor, cls):
        visitor.package(cls.__module__)
        return token(b"class", text(name))
    return visitor.node("class", name, cls, lambda: _project_class(visitor, cls))


def is_library_class(visitor: Visitor, cls: type) -> bool:
    """Return whether a class is what a library calls by its name.

    One that a library made at run time (``make_dataclass``) is not found there, and is followed.
    """
    module = sys.modules.get(cls.__module__)
    if module is None or not visitor.places.is_library_module(module):
        return False
    found: Any = module
    for name in cls.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is cls or module.__name__ == "builtins" or not cls.__flags__ & (1 << 9)


def _project_class(visitor: Visitor, cls: type) -> bytes:
    module = sys.modules.get(cls.__module__)
    if module is not None:
        visitor.module(module)
    found = [visitor.value(type(cls)), *(visitor.value(parent) for parent in cls.__bases__)]
    # A metaclass of a library may leave anything behind under its own names.
    foreign = type(cls) is not type
    for name, value in vars(cls).items():
        if name in _SKIPPED:
            continue
        found.append(text(name))
        with visitor.within(f"{cls.__qualname__}.{name}"):
            special = name.startswith("__") and name.endswith("__")
            follow = type(value) in CALLABLES or not (special or (foreign and name[0] == "_"))
            found.append(visitor.value(value) if follow else visitor.lenient(value))
    found += _annotations(visitor, cls)
    if isinstance(cls, _STRUCT):
        found.append(_struct(visitor, cls))
    if isinstance(cls, abc.ABCMeta):
        found.append(_registered(visitor, cls))
    return token(b"class", *found)


def _annotations(visitor: Visitor, cls: type) -> list[bytes]:
    """Return field types, followed: msgspec, dataclasses and pydantic decode by them."""
    namespace = vars(sys.modules[cls.__module__]) if cls.__module__ in sys.modules else {}
    found = []
    for name, value in vars(cls).get("__annotations__", {}).items():
        found += [text(name), annotation(value)]
        if isinstance(value, str):
            code = _compiled(value)
            if code is not None:
                found.append(lookups(visitor, facts(code), namespace))
        else:
            found.append(visitor.lenient(value))
    return found


def _compiled(source: str) -> CodeType | None:
    try:
        return compile(source, "<annotation>", "eval")
    except (SyntaxError, ValueError):
        return None


def _struct(visitor: Visitor, cls: Any) -> bytes:
    config = cls.__struct_config__
    settings = {name: getattr(config, name) for name in dir(config) if name[0] != "_"}
    parts = (settings, cls.__struct_fields__, cls.__struct_encode_fields__)
    defaults = (
        visitor.value(default.factory) if hasattr(default, "factory") else visitor.lenient(default)
        for default in cls.__struct_defaults__
    )
    return token(b"struct", *(visitor.value(part) for part in parts), *defaults)


def _registered(visitor: Visitor, cls: type) -> bytes:
    """Return the classes registered with an abstract one: ``isinstance`` depends on them."""
    dump = getattr(abc, "_get_dump", None)
    if dump is None:
        return b""
    classes = [reference() for reference in dump(cls)[0]]
    living = [each for each in classes if each is not None]
    living.sort(key=lambda each: (each.__module__, each.__qualname__))
    return token(b"registered", *(visitor.value(each) for each in living))
