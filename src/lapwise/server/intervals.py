"""Measured values with their bounds and their limit, placed on one scale to be drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Bounds", "Interval", "place"]

WIDTH = 100.0
_MARGIN = 0.06


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is to be drawn: a value, its bounds, what it is held against; any may be unknown."""

    measured: float | None
    low: float | None
    high: float | None
    limit: float | None


@dataclass(frozen=True, slots=True)
class Interval:
    """Places from 0 to 100 from left to right; None for what is not drawn."""

    point: float | None
    left: float | None
    right: float | None
    limit: float | None
    zero: float | None


def place(bounds: Sequence[Bounds], *, zero: bool = True) -> tuple[Interval, ...]:
    """Place all on the scale that holds every finite number of theirs, and zero if asked.

    >>> place([Bounds(0.5, 0.0, 1.0, None)], zero=False)[0].point
    50.0
    """
    numbers = [
        one
        for row in bounds
        for one in (row.measured, row.low, row.high, row.limit)
        if one is not None and math.isfinite(one)
    ]
    if not numbers:
        return tuple(Interval(None, None, None, None, None) for _ in bounds)
    if zero:
        numbers.append(0.0)
    lowest, highest = min(numbers), max(numbers)
    room = (highest - lowest) * _MARGIN or abs(highest) * _MARGIN or 1.0
    start, width = lowest - room, highest - lowest + 2 * room

    def at(value: float | None) -> float | None:
        if value is None or math.isnan(value):
            return None
        return round(min(max((value - start) / width, 0.0), 1.0) * WIDTH, 2)

    return tuple(
        Interval(
            point=at(row.measured),
            left=at(row.low),
            right=at(row.high),
            limit=at(row.limit),
            zero=at(0.0) if zero else None,
        )
        for row in bounds
    )
