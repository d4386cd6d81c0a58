"""What holds for every test."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from tests import orphans

if TYPE_CHECKING:
    from lapwise.store.model import Store

# Threads that wait sleep instead of spinning, because the tests run in parallel on few cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A slow machine is no failure, and a failure prints what repeats it.
hypothesis.settings.register_profile("lapwise", deadline=None, print_blob=True)
hypothesis.settings.load_profile("lapwise")

_watchers: list[subprocess.Popen[bytes]] = []
_left: list[str] = []


def pytest_configure() -> None:
    """Let nothing that tests start outlive them; the workers of xdist are started by who watches."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        _watchers.append(orphans.watch())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail if a test has left a process behind."""
    if _watchers:
        _left.extend(orphans.left())
        if _left and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which processes were left behind."""
    if _left:
        terminalreporter.section("processes that a test has left behind", red=True)
        for words in _left:
            terminalreporter.line(words)


def pytest_unconfigure() -> None:
    """Let what was left behind be killed."""
    for watcher in _watchers:
        watcher.communicate()
    _watchers.clear()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests (LAPWISE_*) away from the tests."""
    for name in [name for name in os.environ if name.startswith("LAPWISE_")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh database to copy, because running the migrations for each test takes longer."""
    from lapwise.store.open import open_database

    path = tmp_path_factory.mktemp("template") / "lapwise.db"
    open_database(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def sqlite_store(tmp_path: Path, sqlite_template: Path) -> Iterator["Store"]:
    """An empty store: a SQLite database and a folder of blobs, of this test alone."""
    from lapwise.store.open import open_store

    shutil.copy(sqlite_template, tmp_path / "lapwise.db")
    with open_store(f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs") as store:
        yield store
