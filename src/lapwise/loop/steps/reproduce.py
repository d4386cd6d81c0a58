"""Reproduce: train the candidate once more in a fresh process, and compare to the bit."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec

from lapwise.core.clock import MachineClock
from lapwise.core.evidence import Reproduction
from lapwise.core.model import KeyPart

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["reproduce"]


def reproduce(
    made: Sequence[KeyPart], versions: Sequence[str], *, as_of: int, origin: str, root: Path
) -> Reproduction:
    """Go through examples, split, features and train again; name the first that differs.

    The fresh process has another hash seed, no step cache, and reads the page anew. It has as many
    threads as this one: gradient boosting sums in another order with another number of them.

    Args:
        made: digest of the result of each step, in order, as the lap made them.
        versions: ids of the dataset versions that it read.
        as_of: the world's time that the lap saw.
        origin: the page, as ``FILE:NAME``.
        root: the project's folder.
    """
    last = made[-1].digest
    if not origin:
        missing = "the loop was not read from a file, so no fresh process can read it"
        return Reproduction(equal=False, first=last, second="", seconds=0.0, error=missing)
    clock = MachineClock()
    started = clock.monotonic()
    seed = "1" if os.environ.get("PYTHONHASHSEED") == "0" else "0"
    # The child's standard input ends when this process does, however it ends.
    ended, held = os.pipe()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "lapwise.loop.rehearse", origin, str(as_of), *versions],
            cwd=root,
            env={**os.environ, **_threads(), "PYTHONHASHSEED": seed},
            stdin=ended,
            capture_output=True,
            check=False,
        )
    finally:
        os.close(ended)
        os.close(held)
    seconds = clock.monotonic() - started
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        return Reproduction(
            equal=False,
            first=last,
            second="",
            seconds=seconds,
            error=lines[-1] if lines else f"the process ended with {done.returncode}",
        )
    again = msgspec.json.decode(done.stdout.splitlines()[-1], type=list[KeyPart])
    differing = [
        one.name for one, other in zip(made, again, strict=True) if one.digest != other.digest
    ]
    return Reproduction(
        equal=not differing,
        first=last,
        second=again[-1].digest,
        seconds=seconds,
        divergence=differing[0] if differing else "",
    )


def _threads() -> dict[str, str]:
    """Return the environment of a process with this one's number of OpenMP threads."""
    if "sklearn" not in sys.modules:
        return {}
    from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

    found = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"]
    return {"OMP_NUM_THREADS": str(min(found))} if found else {}
