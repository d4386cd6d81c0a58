"""What a piece of code finds under the names it looks up."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from lapwise.pipeline.reach.bytecode import Chain, Facts, Import
from lapwise.pipeline.reach.tokens import text, token
from lapwise.pipeline.reach.visitor import Visitor

__all__ = ["lookups", "whole_module"]

_ABSENT = token(b"absent")
_MISSING = object()

# Ways to reach code by a name made at run time. What they may reach is all the project's code.
_DYNAMIC_BUILTINS = frozenset({"__import__", "compile", "eval", "exec", "globals"})
_DYNAMIC_MODULES = frozenset({"gc", "importlib", "inspect", "pkgutil", "pydoc", "runpy"})
_DYNAMIC_NAMES = frozenset(
    {
        *("sys._getframe", "sys.meta_path", "sys.modules", "sys.path", "sys.path_hooks"),
        *("typing.get_type_hints", "types.FunctionType", "types.CodeType"),
    }
)
_DYNAMIC_ATTRIBUTES = frozenset({"__annotations__", "__globals__", "__subclasses__", "__code__"})

# Inputs that come from around the process rather than as arguments.
_AROUND: dict[str, Callable[[], object]] = {
    "os.getcwd": lambda: str(Path.cwd()),
    "pathlib.Path.cwd": lambda: str(Path.cwd()),
    "posix.getcwd": lambda: str(Path.cwd()),
    "sys.argv": lambda: list(sys.argv),
}


def lookups(visitor: Visitor, known: Facts, namespace: Mapping[str, Any]) -> bytes:
    """Return an encoding of all that code finds in a module's namespace.

    Args:
        visitor: the walk.
        known: what the code looks up.
        namespace: the globals it looks them up in.

    Raises:
        OpaqueError: something found cannot be digested.
    """
    name = str(namespace.get("__name__", ""))
    module = sys.modules.get(name)
    filename = namespace.get("__file__")
    folder = Path(filename).parent if isinstance(filename, str) else None
    for literal in known.literals:
        visitor.literal(literal, folder)
    found = []
    for chain in known.chains:
        found.append(text(".".join((chain.name, *chain.attributes))))
        found.append(_chain(visitor, chain, name, module, namespace))
    found += [_import(visitor, statement, namespace) for statement in known.imports]
    for attribute in sorted(known.attributes & _DYNAMIC_ATTRIBUTES):
        visitor.dynamic(module, f"it reads {attribute}")
    return token(b"lookups", *found)


def _chain(
    visitor: Visitor,
    chain: Chain,
    name: str,
    module: ModuleType | None,
    namespace: Mapping[str, Any],
) -> bytes:
    value = namespace.get(chain.name, _MISSING)
    if value is not _MISSING and chain.name != "__builtins__":
        return _member(visitor, name, chain.name, value, chain)
    if chain.name in _DYNAMIC_BUILTINS or chain.name == "__builtins__":
        visitor.dynamic(module, f"it uses {chain.name}")
    value = vars(builtins).get(chain.name, _MISSING)
    if value is _MISSING:
        return _ABSENT
    if getattr(value, "__module__", None) == "builtins":
        return token(b"builtin", text(chain.name))
    return visitor.value(value)


def _member(
    visitor: Visitor, owner: str, name: str, value: Any, chain: Chain, depth: int = 0
) -> bytes:
    """Return an encoding of what module ``owner`` calls ``name``, and of what is read from it."""
    if isinstance(value, ModuleType):
        rest = Chain(name, chain.attributes[depth:], chain.argument)
        return _in_module(visitor, value, rest)
    if value is sys.modules:
        visitor.dynamic(None, "it uses sys.modules")
        return token(b"modules")
    if value is os.environ or value is os.getenv:
        visitor.variable(chain.argument)
        return token(b"environment")
    if name in {"__file__", "__name__", "__package__", "__spec__", "__loader__", "__path__"}:
        return token(b"place", text(str(value) if name in {"__file__", "__name__"} else name))
    if isinstance(value, FunctionType | BuiltinFunctionType | type):
        whole = (value.__module__ or "", value.__qualname__, *chain.attributes[depth:])
        for end in range(2, len(whole) + 1):
            _watch(visitor, ".".join(whole[:end]), chain.argument)
        return visitor.value(value)
    return visitor.node(
        "global", f"{owner}.{name}", (owner, name, id(value), value), lambda: visitor.value(value)
    )


def _in_module(visitor: Visitor, module: ModuleType, chain: Chain) -> bytes:
    if visitor.places.is_library_module(module):
        return _in_library(visitor, module, chain)
    visitor.module(module)
    if not chain.attributes:
        return whole_module(visitor, module)
    name = chain.attributes[0]
    value = vars(module).get(name, _MISSING)
    if value is _MISSING:
        value = sys.modules.get(f"{module.__name__}.{name}", _MISSING)
    reached = []
    if value is _MISSING and "__getattr__" in vars(module):
        reached.append(visitor.value(vars(module)["__getattr__"]))
        value = getattr(module, name, _MISSING)
    if value is _MISSING:
        return token(b"absent", *reached)
    return token(b"m", *reached, _member(visitor, module.__name__, name, value, chain, 1))


def _in_library(visitor: Visitor, module: ModuleType, chain: Chain) -> bytes:
    """Return a library member by name; its version stands for it, unless the project put it there."""
    visitor.package(module.__name__)
    owner: Any = module
    for depth, name in enumerate(chain.attributes):
        value = vars(owner).get(name, _MISSING) if isinstance(owner, ModuleType) else _MISSING
        _watch(visitor, f"{owner.__name__}.{name}", chain.argument)
        if value is _MISSING:
            break
        if value is os.environ:
            visitor.variable(chain.argument)
            break
        if isinstance(value, ModuleType):
            if not visitor.places.is_library_module(value):
                rest = Chain(name, chain.attributes[depth + 1 :], chain.argument)
                return _in_module(visitor, value, rest)
            owner = value
            continue
        if isinstance(value, FunctionType | type):
            return token(b"l", text(module.__name__), visitor.value(value))
        break
    if owner.__name__ in _DYNAMIC_MODULES or module.__name__ in _DYNAMIC_MODULES:
        visitor.dynamic(None, f"it uses {module.__name__}")
    return token(b"library", text(module.__name__), *(text(name) for name in chain.attributes))


def _watch(visitor: Visitor, name: str, argument: str | None) -> None:
    if name in _DYNAMIC_NAMES or name.partition(".")[0] in _DYNAMIC_MODULES:
        visitor.dynamic(None, f"it uses {name}")
    if name == "os.getenv":
        visitor.variable(argument)
    if name in _AROUND:
        around: Callable[[], object] = _AROUND[name]
        visitor.node("around", name, name, lambda: visitor.value(around()))


def _import(visitor: Visitor, statement: Import, namespace: Mapping[str, Any]) -> bytes:
    name = "." * statement.level + statement.module
    if statement.level:
        package = namespace.get("__package__") or ""
        try:
            name = importlib.util.resolve_name(name, package)
        except ImportError:
            return _ABSENT
    module = _load(visitor, name)
    if not isinstance(module, ModuleType):
        return module
    reached = _reached(visitor, statement, module, name)
    if visitor.places.is_library_module(module) and not any(
        _is_patched(visitor, module, chain) for chain in statement.used
    ):
        # As if it were not loaded yet: whether an earlier step loaded it must not matter.
        return token(b"library", text(name))
    return reached


def _reached(visitor: Visitor, statement: Import, module: ModuleType, name: str) -> bytes:
    if statement.members:
        return token(b"from", *(_in_module(visitor, module, chain) for chain in statement.used))
    found = []
    if any(not chain.attributes for chain in statement.used):
        found.append(_in_module(visitor, module, Chain(name, (), None)))
    first = sys.modules[name.partition(".")[0]]
    found += [_in_module(visitor, first, chain) for chain in statement.used]
    return token(b"import", *found)


def _is_patched(visitor: Visitor, module: ModuleType, chain: Chain) -> bool:
    """Return whether a library's name leads to code of the project, which put it there."""
    value: Any = module
    for name in chain.attributes:
        if isinstance(value, ModuleType):
            value = vars(value).get(name, _MISSING)
        if isinstance(value, FunctionType):
            return not visitor.places.is_library(value.__code__.co_filename)
        if isinstance(value, type):
            home = sys.modules.get(value.__module__)
            return home is not None and not visitor.places.is_library_module(home)
        if isinstance(value, ModuleType) and not visitor.places.is_library_module(value):
            return True
    return False


def _load(visitor: Visitor, name: str) -> ModuleType | bytes:
    """Return a project module, imported if need be, or the name of a library's.

    A library that is not loaded is not loaded now: its version is enough.
    """
    first = name.partition(".")[0]
    loaded = sys.modules.get(first)
    if loaded is None:
        try:
            spec = importlib.util.find_spec(first)
        except (ImportError, ValueError):
            spec = None
        if spec is None:
            return _ABSENT
        folders = list(spec.submodule_search_locations or ())
        origin = spec.origin or (os.path.join(folders[0], "") if folders else "")  # noqa: PTH118
        if spec.origin in {"built-in", "frozen"} or visitor.places.is_library(origin):
            visitor.package(first)
            return token(b"library", text(name))
    elif visitor.places.is_library_module(loaded):
        visitor.package(first)
        if name not in sys.modules:
            return token(b"library", text(name))
        return sys.modules[name]
    try:
        return importlib.import_module(name)
    except ImportError:
        return _ABSENT
    except Exception as error:  # noqa: BLE001 - whatever the user's module raises
        visitor.dynamic(None, f"importing {name} raises {type(error).__name__}")
        return token(b"broken", text(name))


def whole_module(visitor: Visitor, module: ModuleType) -> bytes:
    """Return a reference to all that a project module holds: it is used as a value.

    What cannot be digested counts by its type, because the module's whole source counts too.
    """

    def encode() -> bytes:
        found = []
        for name, value in vars(module).items():
            if name.startswith("__") and name.endswith("__"):
                continue
            found.append(text(name))
            found.append(_anything(visitor, module, name, value))
        filename = getattr(module, "__file__", None)
        if filename:
            found.append(visitor.file(Path(filename)))
        return token(b"module", *found)

    return visitor.node("module", module.__name__, module, encode)


def _anything(visitor: Visitor, module: ModuleType, name: str, value: Any) -> bytes:
    chain = Chain(name, (), None)
    return visitor.lenient(value, lambda: _member(visitor, module.__name__, name, value, chain))
