"""A year in a real store, and a real server process in front of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from lapwise.store.open import open_store
from tests.server.year import fill

PROCESS = Path(__file__).parent / "process.py"
ROOT = PROCESS.parents[2]


@contextmanager
def running(url: str, blobs: str) -> Iterator[str]:
    """Serve a store from a process of its own and give its address."""
    command = [sys.executable, str(PROCESS), url, blobs]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, "the server ended before it answered; its error is above"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def year(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> tuple[str, str]:
    """The address of the year's database, and of its blobs."""
    folder = tmp_path_factory.mktemp("year")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    where = f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs"
    with open_store(*where) as store:
        fill(store)
    return where


@pytest.fixture(scope="session")
def site(year: tuple[str, str]) -> Iterator[str]:
    """The address of a server that shows the year."""
    with running(*year) as address:
        yield address


@pytest.fixture(scope="session")
def empty_site(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[str]:
    """The address of a server that shows a store in which nothing is."""
    folder = tmp_path_factory.mktemp("empty")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    with running(f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs") as address:
        yield address


@pytest.fixture(scope="session")
def client(site: str) -> Iterator[httpx.Client]:
    """A client of the server that shows the year."""
    with httpx.Client(base_url=site, timeout=30) as client:
        yield client
