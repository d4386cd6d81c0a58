"""What the cache costs: a fingerprint, a cached step, and a process that finds all of its work."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.table import table
from lapwise.pipeline import Engine, fingerprint, pipeline, step
from lapwise.store.open import open_store

FOLDER = Path(__file__).parent
HELPERS = 50


@step
def first(x: int) -> int:
    return x + 1


@step
def second(x: int) -> int:
    return x * 2


@step
def third(x: int) -> list[int]:
    return [x] * 3


@step
def fourth(rows: list[int]) -> int:
    return sum(rows)


@step
def fifth(x: int) -> str:
    return str(x)


@pipeline
def five(x: int) -> Any:
    return fifth(fourth(third(second(first(x)))))


def milliseconds(work: Callable[[], object], times: int = 1) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        taken.append((time.perf_counter() - started) * 1e3)
    return statistics.median(taken)


def chained(count: int) -> Callable[[int], int]:
    """Return a function that reaches ``count`` others, each of about ten lines."""
    body = (
        "    K = {'a': %d}\n" + "    for i in range(x):\n        x = max(x, i + C) - K['a']\n" * 4
    )
    source = "C = 3\n" + "".join(
        f"def f{i}(x):\n{body % i}    return f{i + 1}(x) if x else C\n" for i in range(count)
    )
    namespace: dict[str, object] = {"__name__": "chained"}
    exec(f"{source}def f{count}(x):\n    return x\n", namespace)
    return namespace["f0"]  # type: ignore[return-value]


def one_run(folder: str) -> None:
    with open_store(f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs") as store:
        Engine(store, root=FOLDER).run(five, 1)


def main(argv: Sequence[str]) -> None:
    """Measure and print; there are no options."""
    if argv:
        sys.exit(f"pipeline takes no options, got {' '.join(argv)}")
    function = chained(HELPERS)
    rows: list[tuple[str, float]] = [
        (
            f"fingerprint of a function that reaches {HELPERS}",
            milliseconds(partial(seen, function)),
        ),
        ("the same once more", milliseconds(partial(seen, function), 50)),
    ]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.pipeline", folder]
        work = partial(subprocess.run, command, check=True, cwd=FOLDER.parent)
        bare = partial(subprocess.run, [sys.executable, "-c", ""], check=True)
        rows += [
            ("process of five steps, all run", milliseconds(work)),
            ("process of five steps, all cached", milliseconds(work, 5)),
            ("process of nothing: bare Python", milliseconds(bare, 5)),
        ]
        with open_store(f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs") as store:
            engine = Engine(store, root=FOLDER)
            rows += [
                (
                    "five cached steps, in this process",
                    milliseconds(lambda: engine.run(five, 1), 200),
                ),
                ("one cached step", milliseconds(lambda: engine.call(first, 1), 200)),
            ]
    print(table(["the cache", "ms"], rows))


def seen(function: Callable[[int], int]) -> object:
    return fingerprint(function, FOLDER)


if __name__ == "__main__":
    one_run(sys.argv[1])
