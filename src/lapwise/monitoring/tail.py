"""How likely a value is that is larger than most that were seen: peaks over a threshold.

Of ``n`` values of a calm time the largest fifth, ``k`` of them, exceed a threshold by ``m`` on
average. Excesses over a high threshold are near to exponential (Pickands 1975; Balkema & de Haan
1974); not knowing their mean but estimating it from ``k`` of them, the chance of a further one
beyond ``y`` is ``(1 + y / (k m)) ** -k``, which is heavier. Ranks alone could never give a chance
below ``1 / (n + 1)``, too coarse to look at twenty features a day for months.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["FEWEST", "Tail", "fit_tail"]

FEWEST = 10
"""Fewer values than this say nothing of a tail."""

_SHARE = 0.2
_LEAST_EXCESS = 0.01


class Tail(NamedTuple):
    """The upper tail of calm values: the ``largest`` so many exceed ``threshold`` by ``excess`` on average.

    ``share`` is the chance of a further value beyond the threshold.
    """

    threshold: float
    excess: float
    largest: int
    share: float

    def p(self, value: float) -> float:
        """Return the chance of a calm value as large as this one; 1 for all below the threshold."""
        if value <= self.threshold:
            return 1.0
        beyond = (value - self.threshold) / (self.largest * self.excess)
        return float(self.share * (1 + beyond) ** -self.largest)

    def limit(self, chance: float) -> float:
        """Return the value that calm ones exceed with this chance."""
        if chance >= self.share:
            return self.threshold
        beyond = (self.share / chance) ** (1 / self.largest) - 1
        return float(self.threshold + beyond * self.largest * self.excess)


def fit_tail(values: NDArray[np.float64]) -> Tail | None:
    """Return the tail of values of a calm time, or None if there are fewer than ten."""
    import numpy as np

    if len(values) < FEWEST:
        return None
    ordered = np.sort(values)
    count = max(3, round(_SHARE * len(ordered)))
    threshold = float(ordered[-count - 1])
    excess = max(float((ordered[-count:] - threshold).mean()), _LEAST_EXCESS)
    return Tail(threshold, excess, count, (count + 1) / (len(ordered) + 1))
