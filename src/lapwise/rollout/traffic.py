"""How much comes in a day, measured from the log: what a plan rests on."""

from __future__ import annotations

import math

from lapwise.core.model import Record
from lapwise.core.prediction import Answered, LogEntry, prediction_id
from lapwise.rollout.counting import Seen

__all__ = ["Traffic", "TrafficFold"]

DAY = 86_400_000_000
REQUESTS = 500_000
"""A request that is sent again within so many others is known."""


class Traffic(Record, frozen=True, kw_only=True):
    """What came in, on average and as units came back.

    ``new_units_by_day`` has how many units were met for the first time on the first, second, ...
    day of watching: a step of a canary meets its units in the same way. ``failure_rate`` is the
    share of a unit's rows that production failed, on average over units.
    """

    rows_per_day: float
    units_per_day: float
    new_units_by_day: tuple[int, ...]
    failure_rate: float = 0.0

    def units_within(self, days: int) -> float:
        """Return how many units come within so many days; beyond what was seen, as on the last."""
        seen = self.new_units_by_day
        beyond = max(days - len(seen), 0) * (seen[-1] if seen else self.units_per_day)
        return sum(seen[:days]) + beyond


class TrafficFold:
    """Measures traffic by a fold over the prediction log, in about its order; a request counts once.

    Days are counted from the first entry; ``until`` says that the last one is over. Memory grows
    with units.
    """

    def __init__(self) -> None:
        self._begin: int | None = None
        self._end = 0
        self._seen = Seen(REQUESTS)
        self._first: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._own: dict[str, list[int]] = {}
        self._rows: list[int] = []
        self._units: list[int] = []

    def add(self, entry: LogEntry) -> None:
        """Fold one entry; feedback, fuses and a shadow's answers say nothing about traffic."""
        if not isinstance(entry, Answered) or entry.shadow:
            return
        if self._begin is None:
            self._begin = entry.at
        day = (entry.at - self._begin) // DAY
        if day < 0 or self._seen.again(entry.request):
            return
        self._end = max(self._end, entry.at + 1)
        while len(self._rows) <= day:
            self._rows.append(0)
            self._units.append(0)
        failed = {one.place for one in entry.failures}
        for place in failed.union(*(answer.places for answer in entry.answers)):
            unit = (entry.units[place] if place < len(entry.units) else "") or prediction_id(
                entry.request, place
            )
            self._rows[day] += 1
            own = self._own.setdefault(unit, [0, 0])
            own[0] += 1
            own[1] += place in failed
            self._first.setdefault(unit, day)
            if self._last.get(unit) != day:
                self._last[unit] = day
                self._units[day] += 1

    def traffic(self, until: int | None = None) -> Traffic:
        """Return what was measured; ``until`` is the moment up to which one has watched."""
        if self._begin is None:
            return Traffic(rows_per_day=0.0, units_per_day=0.0, new_units_by_day=())
        days = max((max(until or 0, self._end) - self._begin) // DAY, 1)
        new = [0] * days
        for day in self._first.values():
            if day < days:
                new[day] += 1
        failing = math.fsum(failed / rows for rows, failed in self._own.values())
        return Traffic(
            rows_per_day=sum(self._rows[:days]) / days,
            units_per_day=sum(self._units[:days]) / days,
            new_units_by_day=tuple(new),
            failure_rate=failing / len(self._own),
        )
