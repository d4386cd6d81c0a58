"""The project's own files as the architecture tests see them."""

import ast
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "lapwise"


def rooms() -> list[str]:
    """Return the names of the packages directly inside `lapwise`."""
    return sorted(found.parent.name for found in PACKAGE.glob("*/__init__.py"))


def python_files(*folders: str) -> list[Path]:
    """Return every Python file in the folders, which are named from the root."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def shown(path: Path) -> str:
    """Return a path as a person writes it, from the root."""
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(), filename=str(path))


def project_files() -> list[Path]:
    """Return every file that git has or would add; without git, all outside hidden folders."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (ROOT / ".git").exists():
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
        if listing.returncode == 0:
            names = [os.fsdecode(name) for name in listing.stdout.split(b"\0") if name]
            return sorted(path for name in names if (path := ROOT / name).is_file())
    return sorted(path for path in ROOT.rglob("*") if path.is_file() and not _is_hidden(path))


def _is_hidden(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part.startswith((".", "__pycache__")) and part != ".ci" for part in parts)


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def references(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Yield every use of an imported name, as (node, dotted name it stands for).

    After `from datetime import datetime as dt`, the expression `dt.now` is
    `datetime.datetime.now`.
    """
    known = _bound_by_imports(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            dotted = _dotted(node)
            head, _, rest = dotted.partition(".")
            if head in known:
                yield node, f"{known[head]}.{rest}".rstrip(".")


def calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    """Yield every call of an imported name, as (node, dotted name of what is called)."""
    named = {id(node): name for node, name in references(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and id(node.func) in named:
            yield node, named[id(node.func)]


def _bound_by_imports(tree: ast.Module) -> dict[str, str]:
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.partition(".")[0]
                known[name] = alias.name if alias.asname else name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return known


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return ""
