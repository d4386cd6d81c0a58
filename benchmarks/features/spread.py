"""Percentiles of calls that are made in turn, so that a busy machine slows all cases alike."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import TypeAlias

__all__ = ["Call", "Spread", "spread_of", "spreads"]

Call: TypeAlias = Callable[[Sequence[int]], object]
"""Looks some entities up."""

_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Spread:
    """Half and ninety-nine of a hundred calls took no longer than this, in microseconds."""

    p50: float
    p99: float


def spread_of(microseconds: Sequence[float]) -> Spread:
    """Return the percentiles of some measured calls.

    >>> spread_of([float(one) for one in range(1, 102)])
    Spread(p50=51.0, p99=100.0)
    """
    cuts = quantiles(microseconds, n=100, method="inclusive")
    return Spread(cuts[49], cuts[98])


def spreads(
    cases: Mapping[str, Call], asked: Sequence[Sequence[int]], warm: int = 100
) -> dict[str, Spread]:
    """Measure cases in alternating rounds, each with every one of the requests once.

    What lives before is kept from the garbage collector, as ``lapwise serve`` does; it runs.

    Args:
        cases: what is timed, by name.
        asked: requests, each some entities; no case sees the same one twice but for warming up.
        warm: so many of the requests are made of each case before, and are not counted.
    """
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for call in cases.values():
        for entities in asked[-warm:]:
            call(entities)
    clock = time.perf_counter_ns
    gc.collect()
    gc.freeze()
    for turn in range(_ROUNDS):
        mine = asked[turn::_ROUNDS]
        for name, call in cases.items():
            note = taken[name].append
            for entities in mine:
                begun = clock()
                call(entities)
                note((clock() - begun) / 1e3)
    gc.unfreeze()
    return {name: spread_of(spent) for name, spent in taken.items()}
