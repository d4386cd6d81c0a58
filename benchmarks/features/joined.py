"""Point-in-time joins, each case in fresh processes on the same files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from math import isclose
from pathlib import Path

import msgspec

from benchmarks.process import run

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Joined:
    """One case: seconds from the files and from memory (0 if not asked), and peak megabytes.

    ``grown`` are those above what the process took before it read the tables.
    """

    files: float
    memory: float
    peak: float
    grown: float
    check: float


def measure_joins(
    ordered: Path, shuffled: Path, repeats: int, tell: Callable[[str], None]
) -> dict[str, Joined]:
    """Measure each case, and see that Lapwise and bare Polars computed the same."""
    found = {}
    for name, case, folder, cores in (
        ("ordered", "last", ordered, 0),
        ("ordered bare", "last", ordered, 0),
        ("shuffled", "last", shuffled, 0),
        ("shuffled bare", "sorted-last", shuffled, 0),
        ("sums", "sums", ordered, 1),
        ("sums bare", "sums", ordered, 1),
        ("extremes", "extremes", ordered, 1),
        ("extremes bare", "extremes", ordered, 1),
    ):
        tell(f"joining, {name}")
        whose = "bare" if name.endswith("bare") else "lapwise"
        found[name] = join(f"{whose}-{case}", folder, repeats, cores)
    for name in ("ordered", "shuffled", "sums", "extremes"):
        same(found[name].check, found[f"{name} bare"].check)
    return found


def join(case: str, folder: Path, repeats: int, cores: int = 0) -> Joined:
    """Measure a case in a fresh process, on so many cores (0: all)."""
    command = [sys.executable, "-m", "benchmarks.features.joining", case, str(folder), str(repeats)]
    environment = dict(os.environ)
    if cores:
        environment |= {"POLARS_MAX_THREADS": str(cores), "LAPWISE_BENCH_CORES": str(cores)}
    done = run(command, _ROOT, environment=environment)
    told = msgspec.json.decode(done.output, type=dict[str, float])
    return Joined(
        told["files"], told.get("memory", 0.0), told["peak"], told["grown"], told["check"]
    )


def same(ours: float, theirs: float) -> None:
    """Fail if two did not compute the same, but for how floats are added."""
    assert isclose(ours, theirs, rel_tol=1e-5), f"{ours} is not {theirs}: the comparison is void"
