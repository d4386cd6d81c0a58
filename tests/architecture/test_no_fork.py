"""No process is forked: Polars and others that keep threads deadlock in the child."""

import ast

from tests.architecture.source import calls, parsed, python_files, references, shown

FORKS = {
    *("os.fork", "os.forkpty", "pty.fork", "multiprocessing.set_start_method"),
    *("multiprocessing.Process", "multiprocessing.Pool", "multiprocessing.Manager"),
    *("multiprocessing.process.Process", "multiprocessing.pool.Pool"),
}
SAFE = {"spawn", "forkserver"}


def test_nobody_forks() -> None:
    found = [
        f"{shown(path)}:{line} {what}"
        for path in python_files("src", "tests", "benchmarks")
        for line, what in forks(parsed(path))
    ]
    assert not found, (
        "Use subprocess, multiprocessing.get_context('spawn') or 'forkserver', or "
        "ProcessPoolExecutor(mp_context=...):\n  " + "\n  ".join(found)
    )


def forks(tree: ast.Module) -> list[tuple[int, str]]:
    """Return (line, what) of each fork, and of each process that would be forked by default."""
    found = [(node.lineno, name) for node, name in references(tree) if name in FORKS]
    for node, name in calls(tree):
        keywords = {keyword.arg for keyword in node.keywords}
        if name == "multiprocessing.get_context" and not says_how(node):
            found.append((node.lineno, "get_context without 'spawn' or 'forkserver'"))
        if name.endswith(".ProcessPoolExecutor") and "mp_context" not in keywords:
            found.append((node.lineno, "ProcessPoolExecutor without mp_context"))
    return found


def says_how(call: ast.Call) -> bool:
    """Say whether the call's first argument is a safe start method, written out."""
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    return any(isinstance(value, ast.Constant) and value.value in SAFE for value in values)
