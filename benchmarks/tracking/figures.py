"""The table of tracking: what, how far it is to reach, Lapwise, MLflow, and the ratio."""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import msgspec

from benchmarks.table import table
from benchmarks.tracking.logging import measure_logging
from benchmarks.tracking.searching import measure_history, measure_search
from benchmarks.tracking.serving import Figures, lapwise_server, large_file, mlflow_server
from peers.environment import environment, versions

SCRIPT = Path(__file__).parents[1] / "mlflow_figures.py"


def main(argv: Sequence[str]) -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks tracking")
    parser.add_argument("--peers", action="store_true", help="install MLflow, and measure it too")
    parser.add_argument("--runs", type=int, default=20_000, help="how many runs are searched")
    parser.add_argument("--points", type=int, default=1_000_000, help="how long a history is")
    parser.add_argument("--gigabytes", type=float, default=5.0, help="how large a file is sent")
    asked = parser.parse_args(argv)
    python = environment("mlflow") if asked.peers else None
    if python is not None:
        print(", ".join(f"{name} {found}" for name, found in versions("mlflow").items()), "\n")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        logged = measure_logging(folder)
        found = measure_search(folder, asked.runs)
        drawn = measure_history(folder, asked.points)
        large = large_file(folder, asked.gigabytes)
        ours = lapwise_server(folder, large)
        theirs = _Peer(python, folder) if python is not None else None
        peer = mlflow_server(folder, large, python) if python is not None else None
        other = theirs.figures(asked.runs, asked.points) if theirs is not None else {}
    rows = [
        ("log_metric, embedded, µs", "≤ 10", logged.call, other.get("us")),
        ("points a second, embedded", "≥ 100,000", logged.rate, None),
        ("search, few found, p95 ms", "≤ 15", _p95(found["few"]), other.get("few")),
        ("search, many found, p95 ms", "≤ 15", _p95(found["many"]), other.get("many")),
        ("history to 320 points, p50 ms", "≤ 10", median(drawn), other.get("history")),
        *_server_rows(ours, peer, asked.gigabytes),
    ]
    shown = [(*row, _ratio(*row[2:])) for row in rows]
    print(table(["what", "reach", "Lapwise", "MLflow", "ratio"], shown))


def _server_rows(
    ours: Figures, peer: Figures | None, gigabytes: float
) -> list[tuple[str, str, float, float | None]]:
    def row(what: str, reach: str, field: str) -> tuple[str, str, float, float | None]:
        return what, reach, getattr(ours, field), getattr(peer, field) if peer else None

    return [
        row("server ready, s", "a tenth", "ready"),
        row("server idle, MB (all processes)", "≤ 126", "memory"),
        row("server processes", "1", "processes"),
        row("points a second, over HTTP", "≥ 50,000", "points"),
        row("one log_metric with a server, µs", "", "single"),
        row(f"artifact of {gigabytes:g} GiB, s", "", "seconds"),
        row("  client grew by, MiB", "≤ 64", "client"),
        row("  server grew by, MB", "≤ 67", "server"),
    ]


class _Peer:
    """MLflow embedded on SQLite, in its own environment."""

    def __init__(self, python: Path, folder: Path) -> None:
        self._python = python
        self._folder = folder

    def figures(self, runs: int, points: int) -> dict[str, float]:
        """Return its figures by the names of ours."""
        searched = self._told("search", str(runs))
        return {
            "us": self._told("log")["us"],
            "few": _p95(searched["few"]),
            "many": _p95(searched["many"]),
            "history": median(self._told("history", str(points))["ms"]),
        }

    def _told(self, what: str, *arguments: str) -> dict[str, Any]:
        # Neither our packages nor our settings: only what the lock names.
        clean = {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        database = str(self._folder / f"{what}-mlflow.db")
        done = subprocess.run(
            [str(self._python), str(SCRIPT), what, database, *arguments],
            env=clean,
            stdout=subprocess.PIPE,
            check=True,
        )
        told: dict[str, Any] = msgspec.json.decode(done.stdout.splitlines()[-1])
        return told


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1]


def _ratio(ours: float, theirs: float | None) -> str | None:
    """Return how many times less (or more) than MLflow's it is."""
    if theirs is None or not ours or not theirs:
        return None
    return f"{theirs / ours:,.1f}x less" if theirs > ours else f"{ours / theirs:,.1f}x more"
