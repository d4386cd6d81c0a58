"""Points of a metric as bytes: packed whole, and thinned for charts."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from lapwise.core.errors import UnfitError
from lapwise.core.model import Metric

__all__ = ["FULL", "Points", "joined", "pack", "thinned", "unpack"]

FULL = 4096
"""The most points in one chunk."""

_POINT = 24  # bytes: int64 step, int64 time, float64 value
_BUCKET = 256
_WORTH = 64  # fewer are read whole


class Points(NamedTuple):
    """Steps, times and values of points, each as a column."""

    steps: Sequence[int]
    ats: Sequence[int]
    values: Sequence[float]

    def picked(self, places: Sequence[int]) -> Points:
        """Return the points at places."""
        steps, ats, values = self
        return Points(
            [steps[place] for place in places],
            [ats[place] for place in places],
            [values[place] for place in places],
        )

    def of(self, name: str) -> list[Metric]:
        """Return the points as those of a metric."""
        return [
            Metric(name=name, value=value, step=step, at=at)
            for step, at, value in zip(self.steps, self.ats, self.values, strict=True)
        ]


def pack(points: Points, name: str) -> bytes:
    """Return points as bytes.

    Raises:
        UnfitError: a step or a time is beyond 64 bits, or a value is no number.
    """
    count = len(points.steps)
    try:
        return struct.pack(f"<{2 * count}q{count}d", *chain(*points))
    except (struct.error, OverflowError) as error:
        raise UnfitError(
            f"metric '{name}' cannot be kept",
            value=str(error),
            expected="a step and a time that are integers of at most 64 bits, a value that is a float",
        ) from error


def unpack(packed: bytes) -> Points:
    """Return the points that :func:`pack` wrote."""
    count = len(packed) // _POINT
    numbers = struct.unpack(f"<{2 * count}q{count}d", packed)
    return Points(numbers[:count], numbers[count : 2 * count], numbers[2 * count :])


def joined(packed: Sequence[bytes]) -> bytes:
    """Return packed points as one, without unpacking them."""
    thirds = [(one, len(one) // 3) for one in packed]
    return b"".join(
        one[place * third : (place + 1) * third] for place in range(3) for one, third in thirds
    )


def thinned(points: Points) -> Points | None:
    """Return the first, the last, and the least and the greatest of every 256, by step.

    NaN is neither least nor greatest; infinities are. None when there are too few to be worth it.
    """
    count = len(points.steps)
    if count < _WORTH:
        return None
    steps = points.steps
    if any(map(int.__gt__, steps, steps[1:])):
        points = points.picked(sorted(range(count), key=steps.__getitem__))
    kept = {0, count - 1}
    for start in range(0, count, _BUCKET):
        kept.update(extremes(points.values, start, min(start + _BUCKET, count)))
    return points.picked(sorted(kept))


def extremes(values: Sequence[float], start: int, end: int) -> tuple[int, ...]:
    """Return where the least and the greatest of some values stand; nothing if all are NaN."""
    some = values[start:end]
    total = sum(some)
    if math.isnan(total):  # one of them is, or there are infinities of both signs
        places = [place for place in range(start, end) if not math.isnan(values[place])]
        if not places:
            return ()
        return min(places, key=values.__getitem__), max(places, key=values.__getitem__)
    return start + some.index(min(some)), start + some.index(max(some))
