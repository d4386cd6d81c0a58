"""Whoever is killed while a product lives, it comes to the same end."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from lapwise.core.clock import MachineClock
from tests.loop.replays import Replayed, ledger, make_product, predictions, replay

pytestmark = pytest.mark.prove

KILLS = 10


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Replayed:
    return replay(make_product(tmp_path_factory.mktemp("calm") / "product"))


@pytest.mark.parametrize("module", ["worker", "watcher", "runner", "shadow"])
def test_kill_9_ten_times(undisturbed: Replayed, tmp_path: Path, module: str) -> None:
    """Same production, no prediction lost from the log, none counted twice."""
    world = make_product(tmp_path / "product")
    with killing(f"lapwise.loop.{module}", seed=len(module)) as kills:
        replayed = replay(world)
    # The shadow lives for a moment a rollout only.
    wanted = 1 if module == "shadow" else KILLS
    assert len(kills) >= wanted, f"only {len(kills)} kills hit: the proof is too weak"
    assert replayed.replay.failed == 0
    mine, calm = predictions(world), predictions(undisturbed.world)
    assert mine["prediction_id"].is_unique().all()
    assert mine.equals(calm)
    assert ledger(world) == ledger(undisturbed.world)
    with world.workshop() as opened:
        production = opened.store.models.production("returns")
    with undisturbed.world.workshop() as opened:
        other = opened.store.models.production("returns")
    assert production is not None
    assert other is not None
    assert production.digest == other.digest


@contextmanager
def killing(module: str, *, seed: int) -> Iterator[list[int]]:
    """Kill the process that runs a module, ten times, at random moments of its life."""
    kills: list[int] = []
    ended = threading.Event()
    chance = random.Random(seed)
    clock = MachineClock()

    def hunt() -> None:
        while not ended.is_set() and len(kills) < KILLS:
            found = next(iter(running(module)), None)
            if found is None:
                ended.wait(0.02)
                continue
            clock.sleep(chance.uniform(0.0, 0.5))
            with suppress(psutil.NoSuchProcess):
                found.kill()
                kills.append(found.pid)
            ended.wait(0.05)

    hunter = threading.Thread(target=hunt)
    hunter.start()
    try:
        yield kills
    finally:
        ended.set()
        hunter.join()


def running(module: str) -> Iterator[psutil.Process]:
    """Yield the descendants of this process that run a module."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if module in process.cmdline():
                yield process
