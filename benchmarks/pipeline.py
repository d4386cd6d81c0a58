"""What the cache costs: a fingerprint, a cached step, and a process that finds all of its work.

Run it with ``python benchmarks/pipeline.py``.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def main() -> None:
    function = chained(HELPERS)
    cold = milliseconds(lambda: fingerprint(function, FOLDER))
    warm = milliseconds(lambda: fingerprint(function, FOLDER), 50)
    print(f"fingerprint of a function reaching {HELPERS}: {cold:.1f} ms first, {warm:.2f} ms after")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, folder]
        bare = milliseconds(lambda: subprocess.run([sys.executable, "-c", ""], check=True), 5)
        cold = milliseconds(lambda: subprocess.run(command, check=True))
        cached = milliseconds(lambda: subprocess.run(command, check=True), 5)
        print(
            f"process of five steps: {cold:.0f} ms cold, {cached:.0f} ms cached, {bare:.0f} ms bare"
        )
        with open_store(f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs") as store:
            engine = Engine(store, root=FOLDER)
            per_run = milliseconds(lambda: engine.run(five, 1), 200)
            per_call = milliseconds(lambda: engine.call(first, 1), 200)
        print(f"cached in process: {per_run / 5:.3f} ms a step, {per_call:.3f} ms a call")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one_run(sys.argv[1])
    else:
        main()
