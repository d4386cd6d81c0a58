"""A project with autologging that is off again afterwards, whatever a test does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest

from lapwise.core.model import Run
from lapwise.store.model import Store
from lapwise.tracking import ActiveRun, start_run
from lapwise.tracking.autolog import switch_off

ROOT = Path(__file__).parents[3]


@contextmanager
def started(store: Store, root: Path) -> Iterator[ActiveRun]:
    """Start a run of its own, as autologging does."""
    with start_run("own", store=store, root=root, system_metrics=False) as run:
        yield run


@pytest.fixture
def start(store: Store, root: Path) -> Iterator[Callable[[], AbstractContextManager[ActiveRun]]]:
    yield partial(started, store, root)
    switch_off()


class Logged:
    """What a run has in the store."""

    def __init__(self, store: Store, run: Run) -> None:
        self.run = run
        self.params = {one.name: one.value for one in store.runs.params([run.id])[run.id]}
        self.metrics = {one.name: one.value for one in store.runs.metrics([run.id])[run.id]}
        self.steps = {one.name: one.step for one in store.runs.metrics([run.id])[run.id]}
        self.tags = {one.name: one.value for one in store.runs.tags([run.id])[run.id]}
        self.files = {
            one.name: store.blobs.get(one.digest).decode() for one in store.runs.artifacts(run.id)
        }


@pytest.fixture
def logged(store: Store) -> Callable[[], list[Logged]]:
    """Return all runs with what they logged, oldest first."""
    return lambda: [Logged(store, run) for run in reversed(store.runs.list())]


def fresh(code: str, cwd: Path) -> str:
    """Run Python code in a process of its own, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
