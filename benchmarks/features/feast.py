"""Feast, asked in an environment of its own (``benchmarks/feast_figures.py``)."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.features.spread import Spread, spread_of
from benchmarks.process import run
from peers.environment import environment

__all__ = ["ENTITIES", "FeastJoin", "FeastOnline", "FeastPeer"]

ENTITIES = 10_000
"""Entities that it is given online; more take it long to write, and are not read faster."""

MEMORY = 12_000
"""Megabytes that a join may take, so that it fails alone."""

_SCRIPT = str(Path(__file__).parents[1] / "feast_figures.py")
_LOOKUPS = 2_000


@dataclass(frozen=True, slots=True)
class FeastJoin:
    """Seconds, peak megabytes, rows that came back and their sum; a join that failed has none."""

    s: float
    mb: float
    rows: int
    check: float


@dataclass(frozen=True, slots=True)
class FeastOnline:
    """Percentiles by case: one or four views, of 1 or 100 entities; and of one event pushed."""

    one: Spread
    four: Spread
    hundred: Spread
    push: Spread


class FeastPeer:
    """Measures Feast.

    Args:
        folder: a new folder for what it writes.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._python = str(environment("feast"))

    def join(self, tables: Path, engine: str) -> FeastJoin | None:
        """Join last values by one of its engines; None if it failed within its memory."""
        paths = [str(tables / f"{one}.parquet") for one in ("events", "examples")]
        try:
            told = self._told("join", f"join-{engine}", *paths, engine, str(MEMORY))
        except RuntimeError as failed:
            print(f"Feast's join by {engine} failed: {str(failed)[-200:]}", file=sys.stderr)
            return None
        return FeastJoin(told["s"], told["mb"], told["rows"], told["check"])

    def online(self, where: str) -> FeastOnline:
        """Look up and push on ``sqlite`` or at Redis's address; the better of its two ways."""
        told = self._told("online", "online", where, str(ENTITIES), str(_LOOKUPS))
        return FeastOnline(
            one=_better(told, "one", 1),
            four=_better(told, "four", 1),
            hundred=_better(told, "one", 100),
            push=spread_of(told["push"]),
        )

    def materialize(self, rows: Path) -> Mapping[str, float]:
        """Return seconds ``s``, megabytes on ``disk``, and ``mb`` of memory, on SQLite."""
        return self._told("materialize", "materialize", str(rows))

    def demand(self) -> dict[str, Spread]:
        """Return percentiles of on-demand features by case."""
        told = self._told("demand", "demand", str(_LOOKUPS))
        return {name: spread_of(spent) for name, spent in told.items()}

    def _told(self, what: str, name: str, *arguments: str) -> dict[str, Any]:
        folder = self._folder / f"{name}-{len(list(self._folder.iterdir()))}"
        folder.mkdir()
        # Neither our packages nor our settings: only what the lock names.
        clean = {"PATH": os.environ["PATH"], "HOME": str(folder), "FEAST_USAGE": "False"}
        command = [self._python, _SCRIPT, what, str(folder), *arguments]
        done = run(command, folder, environment=clean)
        told: dict[str, Any] = msgspec.json.decode(done.output.splitlines()[-1])
        return told


def _better(told: Mapping[str, Sequence[float]], name: str, size: int) -> Spread:
    """Return what takes less of plain look-ups and those of vectors put together beforehand."""
    found = [
        spread_of(told[key]) for key in (f"{name}, {size}", f"{name}_whole, {size}") if key in told
    ]
    return min(found, key=lambda one: one.p50)
