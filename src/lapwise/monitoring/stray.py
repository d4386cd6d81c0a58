"""How far a day strays from the days of the reference that are most like it.

The distance is Jensen and Shannon's (the root of the divergence in bits, from 0 to 1) over frozen
bins. What so few rows would show by chance is taken off before the root, so that a quiet day with
few rows is not far away.

A day is compared with single days and not with all of the reference as one: all rows of a day share
its weather and its weekday, so a calm day is far from the whole and yet near to others like it. A
Sunday in a storm is near to Sundays and storms; a shift of units is near to no day there ever was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lapwise.monitoring.tail import FEWEST, Tail, fit_tail

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lapwise.monitoring.reference import Counted

__all__ = ["RUN", "Calm", "Days", "distance"]

RUN = 2
"""A change must show on so many days in a row."""

_ALIKE = 3
"""One odd day of the reference must not excuse another: the third nearest counts."""


class Days:
    """Days to compare with: each one's shares of rows by bin.

    Args:
        table: counts, shape ``(days, bins)``; no day without rows.
    """

    def __init__(self, table: NDArray[np.int64]) -> None:
        self._rows = table.sum(axis=1)
        self._shares = table / self._rows[:, None]
        self._negative_entropies = _negative_entropy(self._shares)

    def distances(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how far counts are from each day, beyond what chance shows; 0 without counts.

        The divergence of two samples of one source is about chi-squared over ``8 ln 2``, times the
        sum of the inverse numbers of rows: its mean and three standard deviations are taken off.
        """
        import numpy as np

        rows = max(int(counts.sum()), 1)
        ours = counts / rows
        middle = (ours + self._shares) / 2
        apart = (_negative_entropy(ours[None]) + self._negative_entropies) / 2
        free = np.maximum((middle > 0).sum(axis=1) - 1, 0)
        chance = (free + 3 * np.sqrt(2 * free)) * (1 / rows + 1 / self._rows) / (8 * np.log(2))
        beyond = apart - _negative_entropy(middle) - chance
        # Equal shares differ in the last bits: that is no distance.
        far: NDArray[np.float64] = np.sqrt(np.where(beyond > 1e-12, beyond, 0.0))
        return far


def distance(counts: NDArray[np.int64], pool: NDArray[np.int64]) -> float:
    """Return how far a day's counts are from a pool of rows, from 0 to 1, beyond what chance shows.

    For pictures; monitors compare a day with the days most like it (:meth:`Calm.stray`).
    """
    return float(Days(pool[None]).distances(counts)[0]) if pool.any() else 0.0


def _negative_entropy(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of ``p log2 p`` of each row."""
    import numpy as np

    total: NDArray[np.float64] = (shares * np.log2(shares + 1e-300)).sum(axis=1)
    return total


class Calm:
    """How far a column's days stray when nothing is wrong, by the reference's own days.

    Each block of the reference is compared with those that do not follow it closely, for a day to
    come has no neighbours either. A change must last for :data:`RUN` days, so what is judged is the
    smallest distance of a run of days. Two tails say how likely it is when nothing has changed, and
    the less alarming one counts: that of the runs that followed each other in the reference
    (weather that lasts is calm too), and that of single days, to the power of the run's length (a
    reference in which no two odd days met says little of how often they would).
    """

    def __init__(self, counted: Counted, block: int) -> None:
        import numpy as np

        self.bins = counted.bins
        table = np.array(counted.counts, dtype=np.int64).reshape(-1, counted.bins.size)
        rows = table.sum(axis=1)
        table = table[rows > 0]
        starts = np.array(counted.blocks, dtype=np.int64)[rows > 0]
        self.rows = float(np.median(rows)) if len(rows) else 0.0
        self._reference = Days(table)
        self.strays = np.array(
            [
                _third(self._reference.distances(row)[np.abs(starts - start) > RUN * block])
                for row, start in zip(table, starts, strict=True)
            ]
        )
        self._days: Tail | None = fit_tail(self.strays)
        self._runs: Tail | None = fit_tail(_runs(self.strays, starts, block))

    @property
    def known(self) -> bool:
        """Whether the reference has days enough to say what is calm: ten."""
        return len(self.strays) >= FEWEST

    def stray(self, days: Sequence[NDArray[np.int64]]) -> float:
        """Return how far the nearest of a run of days is from the days most like it."""
        return min(_third(self._reference.distances(day)) for day in days)

    def p(self, stray: float) -> float:
        """Return the chance that every day of a run strays so far though nothing has changed."""
        days = self._days.p(stray) ** RUN if self._days else 1.0
        return max(days, self._runs.p(stray) if self._runs else 0.0)

    def limit(self, chance: float) -> float:
        """Return how far a run of days strays with this chance though nothing has changed."""
        days = self._days.limit(chance ** (1 / RUN)) if self._days else 1.0
        return max(days, self._runs.limit(chance) if self._runs else 0.0)


def _third(far: NDArray[np.float64]) -> float:
    import numpy as np

    place = min(_ALIKE, len(far)) - 1
    return float(np.partition(far, place)[place]) if len(far) else 1.0


def _runs(days: NDArray[np.float64], starts: NDArray[np.int64], block: int) -> NDArray[np.float64]:
    import numpy as np

    if len(days) < RUN:
        return days[:0]
    smallest = np.lib.stride_tricks.sliding_window_view(days, RUN).min(axis=1)
    found: NDArray[np.float64] = smallest[
        starts[RUN - 1 :] - starts[: len(smallest)] == (RUN - 1) * block
    ]
    return found
