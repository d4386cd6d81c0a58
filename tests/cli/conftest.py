"""A project that has gone round once, and the command line as people start it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

import lapwise as lw
from tests.loop.worlds import AS_OF, World, forget, make_world

_SOURCE = str(Path(lw.__file__).parents[1])
COMMAND = [sys.executable, "-c", "from lapwise.cli.main import main; main()"]


@dataclass(frozen=True)
class Done:
    """What a command left."""

    code: int
    out: str
    err: str


class Call(Protocol):
    """A command run in this process."""

    def __call__(self, *arguments: str, cwd: Path) -> Done:
        """Return what it left."""
        ...


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a command: the source tree, 80 columns, no stale byte code."""
    path = os.pathsep.join(filter(None, [_SOURCE, os.environ.get("PYTHONPATH")]))
    own = {"PYTHONPATH": path, "COLUMNS": "80", "PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **own, "LAPWISE_ACTOR": "ada", **more}


def run(*arguments: str, cwd: Path, **options: Any) -> Done:
    """Run a command to its end."""
    options.setdefault("env", environment())
    done = subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, check=False, **options
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Call:
    """Run a command in this process, which is as good where no signal, limit or import matters."""
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LAPWISE_DEBUG", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def run_here(*arguments: str, cwd: Path) -> Done:
        from lapwise.cli.main import main

        code = 0
        with monkeypatch.context() as patch:
            patch.chdir(cwd)
            patch.setattr(sys, "argv", ["lapwise", *arguments])
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else bool(end.code)
        out, err = capfdbinary.readouterr()
        forget(cwd)
        return Done(code, out.decode(), err.decode())

    return run_here


@pytest.fixture(scope="session")
def _lapped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose v1 is in production, with a file of orders to score."""
    world = make_world(tmp_path_factory.mktemp("lapped") / "returns")
    done = run("lap", "--as-of", AS_OF, cwd=world.root)
    assert done.code == 0, done.err
    return world.root


@pytest.fixture
def world(tmp_path: Path, _lapped: Path) -> World:
    """A project after its first lap, whose v1 waits for approval."""
    shutil.copytree(_lapped, tmp_path / "returns")
    return World(tmp_path / "returns")


@pytest.fixture
def fresh(tmp_path: Path) -> World:
    """A project that never went round."""
    return make_world(tmp_path / "returns")
