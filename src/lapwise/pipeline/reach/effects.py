"""What importing a project module does to the world beyond its own names.

A statement at the top of a module may change a library for everybody: ``np.seterr(...)``,
``pl.DataFrame.clean = clean``, a class decorated to become a Polars namespace. Such code is not
reached by name, so the statements themselves are read from the module's source.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
import threading
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

from lapwise.core.clock import MachineClock

__all__ = ["Effects", "edited_since_import", "effects"]


# CPython 3.11 miscounts its recursion depth when two threads build syntax trees at once.
_PARSER = threading.Lock()

# Decorators that only make what they return; anything else may also register it somewhere.
_PURE = frozenset(
    {
        *("abstractmethod", "cache", "cached_property", "classmethod", "contextmanager"),
        *("dataclass", "define", "frozen", "lru_cache", "overload", "override", "pipeline"),
        *("property", "runtime_checkable", "singledispatch", "staticmethod", "step"),
        *("total_ordering", "unique", "wraps", "final", "asynccontextmanager", "on_demand"),
    }
)


class Effects(NamedTuple):
    """The statements of one module that may act beyond it, and the modules it imports."""

    statements: tuple[CodeType, ...]
    decorated: tuple[str, ...]
    imports: tuple[str, ...]


def effects(filename: str, package: str) -> Effects:
    """Return what a module's source does when it is imported.

    Args:
        filename: the module's file.
        package: what its relative imports start from.
    """
    status = Path(filename).stat()
    return _read(filename, package, status.st_size, status.st_mtime_ns)


def edited_since_import(module: ModuleType) -> bool:
    """Return whether a module's file may differ from what was imported."""
    filename = getattr(module, "__file__", None)
    if filename is None:
        return False
    try:
        status = Path(filename).stat()
    except OSError:
        return True
    return status.st_mtime_ns > _STARTED


def _process_start() -> int:
    """Return when this process started, in nanoseconds since 1970; at the latest, now."""
    now = MachineClock().timestamp() * 1000
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return now
    started = now - int((uptime - ticks / os.sysconf("SC_CLK_TCK")) * 1e9)
    # Both are known to a hundredth; no process imports a module that soon after its start.
    return min(started + 20_000_000, now)


_STARTED = _process_start()


@cache
def _read(filename: str, package: str, _size: int, _modified: int) -> Effects:
    with _PARSER:
        tree = ast.parse(Path(filename).read_bytes())
    statements: list[ast.stmt] = []
    decorated: list[str] = []
    imports: list[str] = []
    _collect(tree.body, package, statements, decorated, imports)
    codes = tuple(
        compile(ast.Module([statement], []), filename, "exec") for statement in statements
    )
    return Effects(codes, tuple(decorated), tuple(dict.fromkeys(imports)))


def _collect(
    body: list[ast.stmt],
    package: str,
    statements: list[ast.stmt],
    decorated: list[str],
    imports: list[str],
) -> None:
    for statement in body:
        match statement:
            case ast.Import(names=names):
                imports += [name.name for name in names]
            case ast.ImportFrom(module=module, names=names, level=level):
                imports += _from(module, [name.name for name in names], level, package)
            case ast.Expr(value=ast.Constant() | ast.Call(func=ast.Name(id="print"))):
                pass
            case ast.Expr() | ast.Delete() | ast.AugAssign():
                statements.append(statement)
            case ast.Assign(targets=targets) if not all(map(_is_name, targets)):
                statements.append(statement)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                if not all(map(_is_pure, statement.decorator_list)):
                    decorated.append(statement.name)
            case ast.If() if _is_main(statement.test):
                pass
            case _:
                for part in ("body", "orelse", "finalbody"):
                    inner = getattr(statement, part, [])
                    _collect(inner, package, statements, decorated, imports)
                for handler in getattr(statement, "handlers", []):
                    _collect(handler.body, package, statements, decorated, imports)


def _from(module: str | None, names: list[str], level: int, package: str) -> list[str]:
    name = "." * level + (module or "")
    if level:
        try:
            name = importlib.util.resolve_name(name, package)
        except ImportError:
            return []
    return [name, *(f"{name}.{each}" for each in names if f"{name}.{each}" in sys.modules)]


def _is_name(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return all(map(_is_name, target.elts))
    return isinstance(target, ast.Name)


def _is_pure(decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Call):
        decorator = decorator.func
    name = decorator.attr if isinstance(decorator, ast.Attribute) else getattr(decorator, "id", "")
    return name in _PURE


def _is_main(test: ast.expr) -> bool:
    return "__name__" in ast.unparse(test)
