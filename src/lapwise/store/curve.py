"""A few hundred points that look like a million.

Largest triangle, three buckets (Steinarsson, "Downsampling time series for visual representation",
2013), over values preselected by minimum and maximum (Van Der Donckt et al., "MinMaxLTTB: leveraging
MinMax-preselection to scale LTTB", 2023).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from lapwise.store.chunks import Points, extremes

__all__ = ["downsampled"]

_RATIO = 4  # how many times as many points as are wanted the triangles choose from
_BEYOND = 2.0  # where an infinity stands in a chart whose finite values lie within -1 and 1


def downsampled(points: Points, wanted: int) -> Points:
    """Return at most ``wanted`` of points that are in order: first, last, extremes, and the shape.

    NaN has no place in a chart and is left out, unless it is the first or the last, or few are there.

    >>> downsampled(Points(range(9), range(9), [0, 0, 5, 0, 0, 0, -5, 0, 0]), 4).steps
    [0, 2, 6, 8]
    """
    if len(points.steps) <= wanted:
        return points
    if math.isnan(sum(points.values)):  # one of them is, or there are infinities of both signs
        last = len(points.values) - 1
        known = {place for place, value in enumerate(points.values) if not math.isnan(value)}
        points = points.picked(sorted({0, last, *known}))
        if len(points.steps) <= wanted:
            return points
    if len(points.steps) > _RATIO * wanted:
        points = points.picked(_preselected(points.values, _RATIO * wanted))
    return points.picked(_chosen(points, wanted))


def _preselected(values: Sequence[float], wanted: int) -> list[int]:
    last = len(values) - 1
    kept = {0, last}
    buckets = wanted // 2 - 1
    for bucket in range(buckets):
        start, end = 1 + bucket * (last - 1) // buckets, 1 + (bucket + 1) * (last - 1) // buckets
        kept.update(extremes(values, start, end))
    return sorted(kept)


def _chosen(points: Points, wanted: int) -> list[int]:
    """Return where the points stand that are kept: those of the triangles, and the extremes."""
    last = len(points.values) - 1
    ends = set(extremes(points.values, 0, last + 1))
    xs, ys = _scaled(points)
    chosen = _triangles(xs, ys, wanted, ends)
    missing = sorted(ends.difference(chosen))  # both in one bucket, and only one was kept
    if missing and wanted > 3:
        chosen = sorted({*_triangles(xs, ys, wanted - 1, ends), *missing})
    return chosen


def _scaled(points: Points) -> tuple[list[float], list[float]]:
    """Return places in a chart, so that no product overflows: x within 0 and 1, y within -2 and 2."""
    across = points.steps if points.steps[0] != points.steps[-1] else points.ats
    left, span = across[0], (across[-1] - across[0]) or 1
    high = max((abs(value) for value in points.values if math.isfinite(value)), default=0.0) or 1.0
    xs = [(at - left) / span for at in across]
    ys = [
        value / high
        if math.isfinite(value)
        else math.copysign(_BEYOND, value)
        if not math.isnan(value)
        else 0.0
        for value in points.values
    ]
    return xs, ys


def _triangles(xs: Sequence[float], ys: Sequence[float], wanted: int, ends: set[int]) -> list[int]:
    """Return the first and the last, and one point of each bucket.

    That is the first of ``ends`` in it, or the point of the largest triangle with its neighbours.
    """
    last = len(xs) - 1
    buckets = wanted - 2
    chosen = [0]
    bounds = (
        [1 + bucket * (last - 1) // buckets for bucket in range(buckets + 1)] if buckets else []
    )
    for bucket in range(buckets):
        start, end = bounds[bucket], bounds[bucket + 1]
        if end < last:
            ahead = bounds[bucket + 2]
            x_next, y_next = sum(xs[end:ahead]) / (ahead - end), sum(ys[end:ahead]) / (ahead - end)
        else:
            x_next, y_next = xs[last], ys[last]
        kept = [place for place in ends if start <= place < end]
        if kept:
            chosen.append(min(kept))
            continue
        x_base, y_base = xs[chosen[-1]], ys[chosen[-1]]
        wide, tall = x_next - x_base, y_next - y_base
        best, most = start, -1.0
        for place in range(start, end):
            area = abs((xs[place] - x_base) * tall - (ys[place] - y_base) * wide)
            if area > most:
                best, most = place, area
        chosen.append(best)
    chosen.append(last)
    return chosen
