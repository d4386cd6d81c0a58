"""The fold that a watcher uses: entries of the prediction log go in, observations and alarms come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from lapwise.core.observation import Alarm, DayPerformance, HourCounts
from lapwise.core.prediction import Answered, Feedback
from lapwise.monitoring.counters import Counters
from lapwise.monitoring.days import DAY
from lapwise.monitoring.incidents import Incidents
from lapwise.monitoring.model import Monitor
from lapwise.monitoring.outcomes import HORIZON, Outcomes
from lapwise.monitoring.window import Normal, Window

if TYPE_CHECKING:
    from lapwise.core.prediction import LogEntry
    from lapwise.monitoring.reference import Reference

__all__ = ["Observer", "Tick"]


class Tick(NamedTuple):
    """What is new since the last tick; an hour or a day that is told again replaces itself."""

    hours: tuple[HourCounts, ...] = ()
    days: tuple[DayPerformance, ...] = ()
    alarms: tuple[Alarm, ...] = ()


class Observer:
    """Folds the prediction log of one model.

    Monitors judge once a day of the world, at midnight UTC, what was before it; a tick that comes
    late judges every midnight it has passed. Equal entries in equal order give equal alarms,
    however ticks fall, so a watcher that starts again may add the whole log and then tick.

    Args:
        model: the model's name.
        monitors: what the page watches.
        reference_of: a version's reference, or None if it has none; asked once a version.
        horizon: how long a prediction is remembered, in microseconds of the world; at least as long
            as the monitors look back.
    """

    def __init__(
        self,
        model: str,
        monitors: Sequence[Monitor],
        reference_of: Callable[[str], Reference | None],
        *,
        horizon: int = HORIZON,
    ) -> None:
        horizon = max([horizon, *(monitor.reach for monitor in monitors)])
        self.counters = Counters(model, reference_of)
        self.outcomes = Outcomes(model, reference_of, horizon=horizon)
        self._monitors = tuple(monitors)
        self._reference_of = reference_of
        self._horizon = horizon
        self._incidents = Incidents(model)
        self._normals: dict[str, Normal | None] = {}
        self._production: dict[int, dict[str, int]] = {}
        self._requests: dict[str, int] = {}
        self._first: int | None = None
        self._judged: int | None = None
        self._version = ""

    def add(self, entry: LogEntry) -> None:
        """Take in one entry of the log; a request that comes twice counts once.

        A shadow's answers are nobody's, and do not count.
        """
        if isinstance(entry, Feedback):
            self.outcomes.feedback(entry)
            return
        if not isinstance(entry, Answered) or entry.request in self._requests:
            return
        if entry.shadow:
            return
        day = entry.at // DAY * DAY
        if self._judged is not None and day < self._judged - self._horizon:
            return
        self._requests[entry.request] = day
        self._first = day if self._first is None else min(self._first, day)
        self.counters.add(entry)
        self.outcomes.answered(entry)
        for answer in entry.answers:
            if answer.arm == "production":
                versions = self._production.setdefault(day, {})
                versions[answer.version] = max(entry.at, versions.get(answer.version, 0))

    def tick(self, now: int, *, partial: bool = False) -> Tick:
        """Return what is new; the first tick after midnight judges the day.

        Args:
            now: the world's time; every entry with an earlier ``at`` has been added.
            partial: tell the hours and days that are not over yet, too.
        """
        if self._first is None:
            return Tick()
        alarms: list[Alarm] = []
        start = self._first if self._judged is None else self._judged
        midnights = range(start + DAY, now + 1, DAY)
        for midnight in midnights:
            alarms.extend(self._judge(midnight))
            self._judged = midnight
        if not midnights and not partial:
            return Tick()
        before = now if partial else now // DAY * DAY
        found = Tick(self.counters.changed(before), self.outcomes.changed(before), tuple(alarms))
        self._forget(now // DAY * DAY - self._horizon)
        return found

    def _judge(self, midnight: int) -> list[Alarm]:
        version, days = self._tenure(midnight)
        if version != self._version:
            self._incidents.start_anew()
            self._version = version
        normal = self._normal(version) if days else None
        if normal is None:
            return []
        window = Window(version, normal, midnight, days, self.counters, self.outcomes)
        return [
            alarm
            for monitor in self._monitors
            for alarm in self._incidents.settle(monitor, monitor.judge(window), window)
        ]

    def _tenure(self, midnight: int) -> tuple[str, list[int]]:
        """Return who is in production at midnight, and the whole days since it took over."""
        days = sorted(
            (day for day in self._production if midnight - self._horizon <= day < midnight),
            reverse=True,
        )
        if not days:
            return self._version, []
        last = self._production[days[0]]
        version = max(last, key=lambda one: (last[one], one))
        whole: list[int] = []
        for day in days:
            if set(self._production[day]) != {version}:
                break
            whole.append(day)
        return version, whole[::-1]

    def _normal(self, version: str) -> Normal | None:
        if version not in self._normals:
            reference = self._reference_of(version)
            self._normals[version] = None if reference is None else Normal(reference)
        return self._normals[version]

    def _forget(self, before: int) -> None:
        self.counters.forget(before)
        self.outcomes.forget(before)
        self._requests = {name: day for name, day in self._requests.items() if day >= before}
        self._production = {day: one for day, one in self._production.items() if day >= before}
