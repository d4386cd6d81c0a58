"""A file and a function stay small enough to hold in the head.

Where a file cannot, it is listed with its own limit and the reason. A listed file that has
become small again fails here too, so the list stays short. Docstrings count in files and do
not count in functions.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import parsed, python_files, shown

FILE, FILE_NEVER = 400, 600
FUNCTION, FUNCTION_NEVER = 60, 100

# What only joins others must stay shorter still.
SHORTER_FILES = {"src/lapwise/loop/bootstrap.py": 150}

# "path/from/root.py": (limit, "why it is not two files")
LONGER_FILES: dict[str, tuple[int, str]] = {}

# "path/from/root.py:function": (limit, "why it is not two functions")
LONGER_FUNCTIONS: dict[str, tuple[int, str]] = {}

FILES = python_files("src", "tests", "benchmarks", "scripts")


def test_files_are_small() -> None:
    sizes = {shown(path): len(path.read_text().splitlines()) for path in FILES}
    check(sizes, LONGER_FILES, FILE, FILE_NEVER)
    for name, most in SHORTER_FILES.items():
        assert sizes.get(name, 0) <= most, f"{name}: {sizes[name]} > {most} lines"


def test_functions_are_small() -> None:
    sizes: dict[str, int] = {}
    for path in FILES:
        for name, lines in functions(parsed(path), f"{shown(path)}:"):
            sizes[name] = max(lines, sizes.get(name, 0))
    check(sizes, LONGER_FUNCTIONS, FUNCTION, FUNCTION_NEVER)


def check(sizes: dict[str, int], longer: dict[str, tuple[int, str]], most: int, never: int) -> None:
    """Fail on what is too long, and on a permission that is too wide or no longer needed."""
    assert all(limit <= never for limit, _ in longer.values()), f"Over {never} lines is never right"
    limits = dict.fromkeys(sizes, most) | {name: limit for name, (limit, _) in longer.items()}
    long = [f"{name}: {n} > {limits[name]} lines" for name, n in sizes.items() if n > limits[name]]
    if long:
        pytest.fail("Too long; find the seam and split:\n  " + "\n  ".join(long))
    stale = [name for name in longer if sizes.get(name, 0) <= most]
    assert not stale, f"No longer needed in the list of this file: {stale}"


def functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, int]]:
    """Yield (path:Class.function, lines without the docstring) for all functions in a tree."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{child.name}", length(child)
            yield from functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{prefix}{child.name}.")
        else:
            yield from functions(child, prefix)


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count a function's lines from `def` to its end, without its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        doc = function.body[0]
        lines -= (doc.end_lineno or doc.lineno) - doc.lineno + 1
    return lines
