"""A real receiver in another process, and the databases of the store's own tests."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.store.conftest import (  # noqa: F401 (fixtures)
    Place,
    of_postgresql,
    postgresql,
    postgresql_place,
    postgresql_template,
    s3,
    s3_settings,
    s3_start,
    sqlite_place,
)

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Received:
    """Where a receiver listens, and the file in which it notes what it got."""

    port: int
    file: Path

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/{path}"

    def notes(self) -> list[dict[str, Any]]:
        if not self.file.exists():
            return []
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def wait(self, count: int, seconds: float = 60.0) -> list[dict[str, Any]]:
        """Return what it got once there is so much of it."""
        until(lambda: len(self.notes()) >= count, seconds)
        return self.notes()


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something to be true."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


def ended(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started here."""
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


@contextmanager
def receiving(folder: Path, *more: str) -> Iterator[Received]:
    file = folder / "received.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.server.webhooks.receiver", str(file), *more],
        stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield Received(int(process.stdout.readline()), file)
    finally:
        ended(process)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Received]:
    with receiving(tmp_path) as started:
        yield started


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> Place:
    """On either database."""
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found
