"""A real store on a disk of its own, and a door in front of it that can be shut."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lapwise.core.clock import MachineClock
from lapwise.core.errors import StoreError
from lapwise.store.model import Store
from lapwise.store.open import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Yield an empty store on SQLite."""
    with open_store(f"sqlite:///{tmp_path / 'lapwise.db'}", str(tmp_path / "blobs")) as opened:
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an empty project folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


class Door:
    """A real store behind an address: shut, nothing comes through; ``refusal`` is said at it.

    A verb that is ``held`` waits until its event is set.
    """

    def __init__(self, store: Store) -> None:
        self.shut = False
        self.refusal: Exception | None = None
        self.refusals: dict[str, Exception] = {}
        self.held: dict[str, threading.Event] = {}
        self.calls: list[str] = []
        self.store = dataclasses.replace(
            store,
            url="http://127.0.0.1:1",
            runs=_Behind(self, store.runs),
            blobs=_Behind(self, store.blobs),
            datasets=_Behind(self, store.datasets),
        )

    def pass_through(self, verb: str) -> None:
        self.calls.append(verb)
        if verb in self.held:
            self.held[verb].wait(120)
        if self.shut:
            raise StoreError("the server at http://127.0.0.1:1 does not answer")
        refusal = self.refusals.get(verb, self.refusal)
        if refusal is not None:
            raise refusal


class _Behind:
    def __init__(self, door: Door, noun: Any) -> None:
        self._door = door
        self._noun = noun

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            self._door.pass_through(verb)
            return getattr(self._noun, verb)(*arguments, **named)

        return call


@pytest.fixture
def door(store: Store) -> Door:
    """Return the store as if it were far away."""
    return Door(store)


def eventually(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Fail unless something becomes true in time."""
    clock = MachineClock()
    until = clock.monotonic() + seconds
    while not true():
        assert clock.monotonic() < until, "it did not become true in time"
        clock.sleep(0.02)
