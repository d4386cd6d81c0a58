"""Run by tests in a process of its own: five steps; the third stops as it is told."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from lapwise.core.errors import LapwiseError
from lapwise.pipeline import Engine, pipeline, step
from lapwise.store.open import open_store

FOLDER = Path(sys.argv[-1])
HOW = Path(FOLDER, "how")


@step
def first(x: int) -> int:
    return x + 1


@step
def second(x: int) -> list[int]:
    return [x] * 3


@step(env=[])
def third(rows: list[int]) -> bytes:
    stop()
    return bytes(rows) * 100_000


@step
def fourth(content: bytes) -> int:
    return len(content)


@step
def fifth(x: int) -> str:
    return str(x)


def stop() -> None:
    """Stop as the environment says; how is no input of the step, so it is read out of its sight."""
    how = (FOLDER / ("h" + "ow")).read_text()
    if how == "wait":
        (FOLDER / "waiting").touch()
        time.sleep(60)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))


@pipeline
def five(x: int) -> Any:
    return fifth(fourth(third(second(first(x)))))


def main() -> None:
    with open_store(f"sqlite:///{FOLDER}/lapwise.db", f"{FOLDER}/blobs") as store:
        try:
            run = Engine(store, root=Path(__file__).parent).run(five, 1)
        except LapwiseError as error:
            print(type(error).__name__)
            raise SystemExit(1) from error
        print(run.value(), *(int(each.reused) for each in run.steps))


if __name__ == "__main__":
    main()
