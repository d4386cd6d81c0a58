"""A search among many runs, and a long history as a chart shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.tracking.filling import CLOCK, draw, fill
from lapwise.store.open import open_store

ASKED = 200
SHOWN = 320


def timed(act: Callable[[], object], times: int) -> list[float]:
    """Return the milliseconds of each of several calls, after one that is not counted."""
    act()
    spent = []
    for _ in range(times):
        begun = CLOCK.monotonic()
        act()
        spent.append((CLOCK.monotonic() - begun) * 1e3)
    return spent


def measure_search(folder: Path, runs: int) -> dict[str, list[float]]:
    """Return milliseconds of searches that find few and many, 100 runs shown with all they have."""
    with open_store(f"sqlite:///{folder / 'search.db'}", str(folder / "blobs")) as store:
        fill(store, runs)
        return {
            "few": timed(lambda: store.runs.search("metrics.m3 > 0.99"), ASKED),
            "many": timed(lambda: store.runs.search("metrics.m3 > 0.5"), ASKED),
        }


def measure_history(folder: Path, points: int) -> list[float]:
    """Return milliseconds to get 320 of the points of a long metric."""
    with open_store(f"sqlite:///{folder / 'history.db'}", str(folder / "blobs")) as store:
        run = draw(store, points)
        return timed(lambda: store.runs.curve(run, "loss", points=SHOWN), 50)
