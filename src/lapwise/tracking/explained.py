"""How much of a metric's variance goes with something that differs between runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lapwise.core.model import Scalar

__all__ = ["explained"]


def explained(cause: Sequence[Scalar], outcome: Sequence[Scalar]) -> float | None:
    """Return the share of the outcome's variance that goes with the cause, 0 to 1.

    The greater of two: the adjusted R² of the groups that share a value (Wherry 1931), and for
    numbers that of a straight line through the ranks (Spearman 1904). It says what to look at
    first; runs are no experiment, and what was changed together is credited together.

    Args:
        cause: a value a run; None is a value.
        outcome: a number a run; runs without a finite one are left out.

    Returns:
        None where the outcome does not vary, or each run has a value of its own that is no number.

    >>> explained(["a", "a", "b", "b"], [1.0, 1.0, 2.0, 2.0])
    1.0
    >>> round(explained([0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.9, 0.8]), 2)
    0.46
    """
    pairs = [
        (value, float(number))
        for value, number in zip(cause, outcome, strict=True)
        if isinstance(number, int | float) and math.isfinite(number)
    ]
    largest = max((abs(number) for _, number in pairs), default=0.0) or 1.0
    pairs = [(value, number / largest) for value, number in pairs]  # squares never overflow
    total = _spread([number for _, number in pairs])
    if len(pairs) < 3 or total <= 0:
        return None
    groups: dict[object, list[float]] = {}
    for value, number in pairs:
        groups.setdefault((type(value), repr(value)), []).append(number)
    found = []
    if 1 < len(groups) < len(pairs):
        within = sum(map(_spread, groups.values()))
        found.append(_adjusted(1 - within / total, len(pairs), len(groups)))
    numbers = [value for value, _ in pairs if isinstance(value, int | float)]
    if len(numbers) == len(pairs) and len(groups) > 2:
        found.append(
            _adjusted(_ranks_share(numbers, [number for _, number in pairs]), len(pairs), 2)
        )
    return min(1.0, max(0.0, *found)) if found else None


def _spread(values: Sequence[float]) -> float:
    """Return the sum of squares about the mean."""
    mean = math.fsum(values) / len(values) if values else 0.0
    return math.fsum((value - mean) ** 2 for value in values)


def _adjusted(share: float, size: int, parameters: int) -> float:
    if size <= parameters:
        return 0.0
    return 1 - (1 - share) * (size - 1) / (size - parameters)


def _ranks_share(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the squared correlation of ranks."""
    one, other = _ranks(first), _ranks(second)
    middle = (len(one) - 1) / 2
    together = math.fsum((a - middle) * (b - middle) for a, b in zip(one, other, strict=True))
    apart = _spread(one) * _spread(other)
    return together * together / apart if apart else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    """Return each value's place in order; equal ones share the mean of their places."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        end = max(end, start + 1)  # NaN is not equal to itself
        for place in order[start:end]:
            ranks[place] = (start + end - 1) / 2
        start = end
    return ranks
