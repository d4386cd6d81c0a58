"""A store that a server has, used from another folder by the commands that people type."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lapwise.store.open import open_store
from tests.server.sharing import COMMAND, give, sharing

RUN = """
import sys
import lapwise as lw

with lw.start_run("churn", params={"lr": 0.1}, seed=1) as run:
    for step in range(50):
        run.log_metric("loss", 1 / (step + 1), step=step)
assert "sqlalchemy" not in sys.modules
"""


@dataclass(frozen=True)
class Away:
    """A folder far from a server, and two tokens of it."""

    folder: Path
    address: str
    admin: str
    guest: str

    def run(self, *command: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
        settings = {
            "LAPWISE_STORE": self.address,
            "LAPWISE_TOKEN": self.admin if token is None else token,
            "XDG_CACHE_HOME": str(self.folder / "cache"),
        }
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env={**os.environ, **settings},
        )

    def lapwise(self, *words: str, token: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.run(*COMMAND, *words, token=token)


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Away]:
    home = tmp_path_factory.mktemp("home")
    shutil.copy(sqlite_template, home / "lapwise.db")
    where = f"sqlite:///{home}/lapwise.db", f"{home}/blobs"
    with open_store(*where) as store:
        admin = give(store, ("admin", "*"))
        guest = give(store, ("viewer", "flights"), name="guest")
    with sharing(home, *where, "--login") as (address, _):
        yield Away(tmp_path_factory.mktemp("away"), address, admin, guest)


def test_runs_are_logged_and_shown_from_afar(away: Away) -> None:
    """By a process that loads no database; nothing of a store is made where it runs."""
    done = away.run(sys.executable, "-c", RUN)
    assert done.returncode == 0, done.stderr
    for command in ("runs", "models", "laps"):
        shown = away.lapwise(command, "--json")
        assert shown.returncode == 0, shown.stderr
        assert ("churn" in shown.stdout) == (command == "runs")
    assert not (away.folder / ".lapwise" / "lapwise.db").exists()


@pytest.mark.parametrize(
    "words", [("db", "upgrade"), ("db", "backup", "x.tar"), ("db", "collect"), ("doctor",)]
)
def test_what_needs_the_database_says_so(away: Away, words: tuple[str, ...]) -> None:
    """One error, and where to run it instead."""
    done = away.lapwise(*words)
    assert done.returncode != 0
    assert "run it where the server runs" in done.stdout + done.stderr


def test_a_token_opens_what_it_opens(away: Away) -> None:
    """A viewer of another product sees no run of this one, and an unknown token nothing."""
    assert away.run(sys.executable, "-c", RUN).returncode == 0
    seen = away.lapwise("runs", "--json", token=away.guest)
    assert seen.returncode == 0, seen.stderr
    assert "churn" not in seen.stdout
    refused = away.lapwise("runs", token="lw_nonsense")
    assert refused.returncode != 0
    assert "the token opens nothing on this server" in refused.stdout + refused.stderr
