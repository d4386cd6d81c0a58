"""Which rows of a request a canary answers: sticky by unit, the same in every process."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from lapwise.core.deployment import BUCKETS

__all__ = ["Router", "bucket"]

_REMEMBERED = 100_000


def bucket(salt: str, unit: str) -> int:
    """Return the bucket of a unit, evenly over :data:`~lapwise.core.deployment.BUCKETS`.

    >>> bucket("a", "N14228"), bucket("b", "N14228")
    (5304, 1373)
    """
    digest = blake2b(f"{salt}\0{unit}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") % BUCKETS


class Router:
    """Splits rows between production and canary.

    The first ``weight`` buckets are the canary's: a larger weight keeps every unit that a smaller
    one had.

    Args:
        salt: names the assignment.
        weight: how many of the buckets.
    """

    def __init__(self, salt: str, weight: int) -> None:
        self._salt = salt
        self._weight = weight
        self._known: dict[str, bool] = {}

    def split(self, units: Sequence[str]) -> tuple[list[int], list[int]]:
        """Return the places of production's rows and of the canary's."""
        if self._weight <= 0:
            return list(range(len(units))), []
        places: tuple[list[int], list[int]] = ([], [])
        known = self._known
        for place, unit in enumerate(units):
            canary = known.get(unit)
            if canary is None:
                if len(known) >= _REMEMBERED:
                    known.clear()
                canary = known[unit] = bucket(self._salt, unit) < self._weight
            places[canary].append(place)
        return places
