"""The flights replay: are all vectors that were served equal to those recomputed offline?"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.process import run

_LAPWISE = str(Path(sys.executable).with_name("lapwise"))


@dataclass(frozen=True, slots=True)
class Replayed:
    """Which replay, how many vectors were recomputed, and the share of them that is equal."""

    which: str
    vectors: int
    share: float


def replay(folder: Path, days: int) -> Replayed:
    """Live through some days in a project of its own, and recompute what was served."""
    run([_LAPWISE, "demo", str(folder), "--days", str(days), "--json"], folder.parent)
    found = verify(folder)
    return Replayed(f"{days} days", found.vectors, found.share)


def verify(project: Path) -> Replayed:
    """Recompute what was served in a project that was replayed already."""
    # 1: some differ, which is what is to be told.
    done = run([_LAPWISE, "features", "verify", "--json"], project, fine=(0, 1))
    told: dict[str, Any] = msgspec.json.decode(done.output)
    return Replayed(project.name, told["rows"], told["equal"] / max(told["rows"], 1))
