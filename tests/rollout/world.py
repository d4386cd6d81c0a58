"""A made-up world of sticky, heavy-tailed units, and a rollout through it, tick by tick.

Both versions have a potential outcome at every row, drawn apart, so that what is equal is equal in
distribution only. The counters here are vectors, so that thousands of rollouts are a matter of
minutes; `test_world.py` shows that the fold over a real log gives the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lapwise.core.prediction import Answer, Answered, Failure, Feedback, LogEntry, Outcome
from lapwise.core.rollout import Rollout
from lapwise.rollout import Decision, advance, approve, judge, roll_back
from lapwise.rollout.confidence import Moments
from lapwise.rollout.stages import stages
from lapwise.rollout.summary import CanaryCounts, ShadowCounts, Sides, Summary

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
HOUR = 3_600_000_000
"""Microseconds."""


@dataclass(frozen=True)
class Tick:
    """The rows of one hour; ``failed`` and ``wrong`` of (candidate, production)."""

    number: int
    units: NDArray[np.int64]
    failed: tuple[Bools, Bools]
    wrong: tuple[Bools, Bools]


class World:
    """Units with Pareto(1.2) traffic; a few fail half the time; everything drifts by the hour."""

    def __init__(
        self,
        seed: int,
        *,
        units: int = 3000,
        rows: int = 200,
        failing: float = 0.02,
        base: float = 0.001,
        more_failures: float = 0.0,
        more_mistakes: float = 0.0,
    ) -> None:
        self.random = np.random.default_rng(seed)
        self.rows, self.units = rows, units
        activity = self.random.pareto(1.2, units) + 1
        self.edges = np.cumsum(activity / activity.sum())
        self.failing = np.where(self.random.random(units) < failing, 0.5, base)
        self.mistaken = self.random.beta(2, 8, units)
        self.buckets = self.random.random(units)
        self.more_failures, self.more_mistakes = more_failures, more_mistakes

    def tick(self, number: int) -> Tick:
        """Return the rows of an hour."""
        draw = self.random.random
        day = 1 + 0.8 * np.sin(2 * np.pi * number / 24)
        units = np.minimum(np.searchsorted(self.edges, draw(self.rows)), self.units - 1)
        fail = np.minimum(self.failing[units] * day, 1)
        wrong = np.minimum(self.mistaken[units] * (0.7 + 0.3 * day), 1)
        return Tick(
            number=number,
            units=units,
            failed=(
                (draw(self.rows) < fail) | (draw(self.rows) < self.more_failures),
                draw(self.rows) < fail,
            ),
            wrong=(draw(self.rows) < wrong + self.more_mistakes, draw(self.rows) < wrong),
        )


class Counters:
    """What `Evidence` counts, as vectors over units."""

    def __init__(self, world: World, delay: int) -> None:
        self.world, self.delay = world, delay
        size = world.units
        self.pairs = self.labelled = 0
        self.seen = np.zeros(size, bool)
        self.shadow_failed = np.zeros((2, size), int)
        self.rows = np.zeros(size, int)
        self.first_failure = np.zeros(size, int)
        self.first_mistake = np.zeros(size, int)
        self.harm, self.counted = np.zeros(size), np.zeros(size)
        self.changed, self.decisions = np.zeros(size), np.zeros(size)
        self.ever_failed, self.ever_seen = np.zeros(size, bool), np.zeros(size, bool)
        self.steps: list[_Step] = []
        self.late: list[tuple[int, Tick, _Step | None]] = []

    def step(self, weight: int) -> None:
        """Begin a step of the canary."""
        self.steps.append(_Step(self.world, weight))

    def add(self, tick: Tick) -> None:
        """Count an hour's rows, and the labels that come within it."""
        now = self.steps[-1] if self.steps else None
        if now is None:
            self._pairs(tick)
        else:
            now.rows(tick, self)
        self.late.append((tick.number + self.delay, tick, now))
        while self.late and self.late[0][0] <= tick.number:
            _, old, step = self.late.pop(0)
            if step is None:
                self._label(old)
            else:
                step.label(old)

    def _pairs(self, tick: Tick) -> None:
        one, other = tick.failed
        self.pairs += len(tick.units)
        self.seen[tick.units] = True
        np.add.at(self.rows, tick.units, 1)
        for row in np.flatnonzero(one != other):
            unit = tick.units[row]
            self.shadow_failed[0 if one[row] else 1, unit] += 1
            if not self.first_failure[unit]:
                self.first_failure[unit] = 1 if one[row] else -1
        both = ~one & ~other
        np.add.at(self.decisions, tick.units[both], 1)
        np.add.at(self.changed, tick.units[both], (tick.wrong[0] != tick.wrong[1])[both])

    def _label(self, tick: Tick) -> None:
        both = ~tick.failed[0] & ~tick.failed[1]
        one, other = tick.wrong[0][both], tick.wrong[1][both]
        units = tick.units[both]
        self.labelled += len(units)
        np.add.at(self.counted, units, 1)
        np.add.at(self.harm, units, one.astype(int) - other.astype(int))
        for row in np.flatnonzero(one != other):
            if not self.first_mistake[units[row]]:
                self.first_mistake[units[row]] = 1 if one[row] else -1

    def summary(self) -> Summary:
        """Return the numbers now."""
        known = self.counted > 0
        shadow = ShadowCounts(
            pairs=self.pairs,
            units=int(self.seen.sum()),
            labelled=self.labelled,
            failed=_sides(self.shadow_failed[0] > 0, self.shadow_failed[1] > 0),
            failing=_shares(self.shadow_failed[0], self.shadow_failed[1], self.rows),
            first_failures=_sides(self.first_failure > 0, self.first_failure < 0),
            first_mistakes=_sides(self.first_mistake > 0, self.first_mistake < 0),
            harm=_moments(self.harm[known] / self.counted[known]),
            changed=_moments((self.changed / np.maximum(self.decisions, 1))[self.decisions > 0]),
        )
        return Summary(shadow=shadow, canary=tuple(step.counts() for step in self.steps))


class _Step:
    def __init__(self, world: World, weight: int) -> None:
        size = world.units
        self.weight = weight
        self.own = world.buckets < weight / 100
        self.seen, self.failed = np.zeros(size, int), np.zeros(size, int)
        self.loss, self.counted = np.zeros(size), np.zeros(size)
        self.first = np.zeros(size, bool)
        self.new = np.zeros(size, bool)

    def rows(self, tick: Tick, counters: Counters) -> None:
        units = tick.units
        failed = units[np.where(self.own[units], *tick.failed)]
        np.add.at(self.seen, units, 1)
        np.add.at(self.failed, failed, 1)
        self.first[failed[~counters.ever_failed[failed]]] = True
        counters.ever_failed[failed] = True
        self.new[units[~counters.ever_seen[units]]] = True
        counters.ever_seen[units] = True

    def label(self, tick: Tick) -> None:
        own = self.own[tick.units]
        answered = ~np.where(own, *tick.failed)
        units = tick.units[answered]
        np.add.at(self.counted, units, 1)
        np.add.at(self.loss, units, np.where(own, *tick.wrong)[answered])

    def counts(self) -> CanaryCounts:
        own = self.own
        known = self.counted > 0
        loss = self.loss / np.maximum(self.counted, 1)
        return CanaryCounts(
            weight=self.weight,
            units=_sides((self.seen > 0) & own, (self.seen > 0) & ~own),
            failed=_sides((self.failed > 0) & own, (self.failed > 0) & ~own),
            failing=_shares(self.failed * own, self.failed * ~own, self.seen),
            first_failures=_sides(self.first & own, self.first & ~own),
            assigned=_sides(self.new & own, self.new & ~own),
            candidate_loss=_moments(loss[known & own]),
            control_loss=_moments(loss[known & ~own]),
        )


def _sides(candidate: Bools, control: Bools) -> Sides:
    return Sides(candidate=int(candidate.sum()), control=int(control.sum()))


def _shares(
    candidate: NDArray[np.int64], control: NDArray[np.int64], rows: NDArray[np.int64]
) -> tuple[float, float]:
    rows = np.maximum(rows, 1)
    return float((candidate / rows).sum()), float((control / rows).sum())


def _moments(values: Floats) -> Moments:
    if not len(values):
        return Moments()
    return Moments(count=len(values), mean=float(values.mean()), variance=float(values.var()))


def act(rollout: Rollout, decision: Decision, now: int) -> Rollout:
    """Do what a decision says; a person approves at once."""
    if decision.action == "roll_back":
        return roll_back(rollout, decision, at=now)
    if decision.action == "advance":
        rollout = advance(rollout, decision, at=now)
    if rollout.phase == "waiting":
        rollout = approve(rollout, at=now, by="policy:simulation")
    return rollout


def ride(
    rollout: Rollout, world: World, *, ticks: int, hours: int = 1, delay: int = 6
) -> tuple[Rollout, Counters]:
    """Take a rollout through a world, deciding at each tick, until it ends or time is up."""
    counters = Counters(world, delay)
    if rollout.phase == "canary":
        counters.step(rollout.weight)
    for number in range(ticks):
        counters.add(world.tick(number * hours))
        now = (number + 1) * hours * HOUR
        rollout = act(rollout, judge(rollout, counters.summary(), now), now)
        if not rollout.open:
            break
        if rollout.phase == "canary" and len(stages(rollout)) - bool(rollout.policy.pairs) > len(
            counters.steps
        ):
            counters.step(rollout.weight)
    return rollout, counters


def entries(tick: Tick, rollout: Rollout, world: World) -> list[LogEntry]:
    """Return an hour as the log has it: one request a row; in shadow, the shadow's log too."""
    found: list[LogEntry] = []
    for row, unit in enumerate(tick.units.tolist()):
        request = f"{tick.number}-{row}"
        at = tick.number * HOUR + row
        own = rollout.phase == "canary" and world.buckets[unit] < rollout.weight / 100
        tries = [(1, "production")] if not own else [(0, "canary")]
        if rollout.phase in ("shadow", "waiting"):
            tries.append((0, "shadow"))
        for side, arm in tries:
            version = (rollout.candidate, rollout.control)[side]
            failed = bool(tick.failed[side][row])
            answer = Answer(
                version=version,
                arm=arm,  # type: ignore[arg-type]
                places=(0,),
                features={},
                scores=[float(tick.wrong[side][row])],
            )
            failure = Failure(place=0, version=version, kind="exception")
            found.append(
                Answered(
                    request=request,
                    at=at,
                    revision=1,
                    rows=(request,),
                    units=(f"u{unit}",),
                    inputs={},
                    answers=() if failed else (answer,),
                    failures=(failure,) if failed else (),
                    shadow=arm == "shadow",
                )
            )
    return found


def labels(tick: Tick, at: int) -> Feedback:
    """Return the labels of an hour: every truth is no, so that a yes is a mistake."""
    rows = range(len(tick.units))
    return Feedback(
        at=at,
        outcomes=tuple(Outcome(label=False, prediction=f"{tick.number}-{row}.0") for row in rows),
    )
