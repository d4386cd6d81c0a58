"""What a monitor may look at on one day: the whole days that the version in production answered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lapwise.monitoring.days import DAY
from lapwise.monitoring.stray import RUN, Calm

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from lapwise.monitoring.counters import Counters
    from lapwise.monitoring.outcomes import Outcomes
    from lapwise.monitoring.reference import Reference
    from lapwise.monitoring.scores import DayRows

__all__ = ["Normal", "Window"]

_LONGEST = 7


class Normal:
    """A version's reference, with what detectors derive from it, derived once."""

    def __init__(self, reference: Reference) -> None:
        self.reference = reference

    @cached_property
    def features(self) -> tuple[Calm, ...]:
        """How each feature strays when nothing is wrong."""
        return tuple(Calm(one, self.reference.block) for one in self.reference.features)

    @cached_property
    def score(self) -> tuple[Calm, ...]:
        """How the scores stray when nothing is wrong; empty if they were not kept."""
        score = self.reference.score
        return () if score is None else (Calm(score, self.reference.block),)


@dataclass
class Window:
    """One day's view: everything before ``boundary``, a midnight (UTC).

    ``days`` are the whole days, in order, since ``version`` took production over: a takeover's own
    day is left out, and detectors start anew with the next one.
    """

    version: str
    normal: Normal
    boundary: int
    days: Sequence[int]
    counters: Counters
    outcomes: Outcomes

    def labelled(self, days: int, mature: int) -> list[tuple[int, DayRows]]:
        """Return the labelled rows of the last days whose labels had ``mature`` microseconds.

        Younger days are left out: what is known of them so far is what becomes known fast.
        """
        last = self.boundary - mature
        due = [day for day in self.days if last - days * DAY <= day and day + DAY <= last]
        found = ((day, self.outcomes.read(day, self.version, self.boundary)) for day in due)
        return [(day, read.labelled) for day, read in found if len(read.labelled.label)]

    def blocks(self, rows: float) -> list[tuple[int, dict[str, NDArray[np.int64]]]]:
        """Return the last days' counts by column, newest first, each with its first day.

        Where days have fewer than half of the reference's ``rows``, several (a week at most) are
        taken together as one. Fewer than two blocks, or none that ends with the last day: empty.
        """
        if not self.days or self.days[-1] != self.boundary - DAY:
            return []
        found: list[tuple[int, dict[str, NDArray[np.int64]]]] = []
        whole: dict[str, NDArray[np.int64]] = {}
        taken = 0
        for day in reversed(self.days):
            counts = self.counters.day(self.version, day)
            whole = {name: mine + whole.get(name, 0) for name, mine in counts.items()} or whole
            taken += 1
            enough = bool(whole) and max(one.sum() for one in whole.values()) >= rows / 2
            if enough or (taken == _LONGEST and whole):
                found.append((day, whole))
                whole, taken = {}, 0
            if len(found) == RUN:
                return found
        return []
