"""Counters by unit: what one unit did counts once, however many rows it sends."""

from __future__ import annotations

import math
from typing import Generic, TypeAlias, TypeVar

from lapwise.rollout.confidence import Moments, moments
from lapwise.rollout.summary import CanaryCounts, ShadowCounts, Sides

__all__ = ["Bounded", "Firsts", "Moment", "Seen", "ShadowUnits", "StepUnits"]

V = TypeVar("V")
Moment: TypeAlias = tuple[int, int, str, int]
"""When something became known: (known, at, request, place); no two rows are equal."""


class Bounded(dict[str, V], Generic[V]):
    """A dictionary that lets go of its oldest entry beyond ``limit``, and counts that."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.dropped = 0

    def put(self, key: str, value: V) -> V | None:
        """Keep a value and return the one that had to go for it, if any."""
        self[key] = value
        if len(self) <= self.limit:
            return None
        self.dropped += 1
        return self.pop(next(iter(self)))


class Seen:
    """Remembers the latest ids, between one and two times ``limit`` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._new: set[str] = set()
        self._old: set[str] = set()

    def again(self, key: str) -> bool:
        """Say whether the id was seen, and remember it."""
        if key in self._new or key in self._old:
            return True
        if len(self._new) >= self._limit:
            self._old, self._new = self._new, set()
        self._new.add(key)
        return False


class Firsts:
    """For each unit the first of something: when, at which stage, on whose side."""

    def __init__(self) -> None:
        self._first: dict[str, tuple[Moment, int, bool]] = {}
        self._counts: dict[tuple[int, bool], int] = {}

    def see(self, unit: str, moment: Moment, stage: int, *, candidate: bool) -> None:
        """Count it, in the stead of a later one of the same unit."""
        known = self._first.get(unit)
        if known is not None:
            if known[0] <= moment:
                return
            self._counts[known[1:]] -= 1
        self._first[unit] = (moment, stage, candidate)
        side = (stage, candidate)
        self._counts[side] = self._counts.get(side, 0) + 1

    def sides(self, stage: int) -> Sides:
        """Return the counts of one stage."""
        counts = self._counts
        return Sides(candidate=counts.get((stage, True), 0), control=counts.get((stage, False), 0))


class _Pairs:
    """One unit's pairs."""

    __slots__ = ("better", "changed", "control", "decisions", "harm", "labelled", "pairs", "worse")

    def __init__(self) -> None:
        self.pairs = self.worse = self.better = 0
        self.decisions = self.labelled = 0
        self.changed = self.harm = self.control = 0.0


class ShadowUnits:
    """The units of a shadow, each with its pairs."""

    def __init__(self) -> None:
        self.pairs = self.labelled = 0
        self.failures, self.mistakes = Firsts(), Firsts()
        self._units: dict[str, _Pairs] = {}

    def pair(
        self,
        unit: str,
        moment: Moment,
        failed: tuple[bool, bool],
        *,
        changed: float | None,
    ) -> None:
        """Count one pair; ``failed`` of candidate and production, ``changed`` the decision."""
        self.pairs += 1
        own = self._units.get(unit) or self._units.setdefault(unit, _Pairs())
        own.pairs += 1
        if failed[0] != failed[1]:
            self.failures.see(unit, moment, 0, candidate=failed[0])
            own.worse += failed[0]
            own.better += failed[1]
        if changed is not None:
            own.decisions += 1
            own.changed += changed

    def label(self, unit: str, moment: Moment, candidate: float, control: float) -> None:
        """Count the losses of one pair."""
        self.labelled += 1
        own = self._units[unit]
        own.labelled += 1
        own.harm += candidate - control
        own.control += control
        if candidate != control:
            self.mistakes.see(unit, moment, 0, candidate=candidate > control)

    def counts(self, *, unpaired: int, relative: bool) -> ShadowCounts:
        """Return the numbers now; each unit weighs the same."""
        units = list(self._units.values())
        labelled = [own for own in units if own.labelled]
        loss = moments([own.control / own.labelled for own in labelled]).mean
        harm = moments([own.harm / own.labelled for own in labelled])
        if relative and loss > 0:
            harm = self._relative(labelled, harm.mean / loss, loss)
        return ShadowCounts(
            pairs=self.pairs,
            units=len(units),
            labelled=self.labelled,
            unpaired=unpaired,
            failed=Sides(
                candidate=sum(own.worse > 0 for own in units),
                control=sum(own.better > 0 for own in units),
            ),
            failing=(
                math.fsum(own.worse / own.pairs for own in units),
                math.fsum(own.better / own.pairs for own in units),
            ),
            first_failures=self.failures.sides(0),
            first_mistakes=self.mistakes.sides(0),
            harm=harm,
            loss=loss,
            changed=moments([own.changed / own.decisions for own in units if own.decisions]),
        )

    @staticmethod
    def _relative(units: list[_Pairs], ratio: float, loss: float) -> Moments:
        """Return the moments of a ratio of means: the delta method on each unit's own part."""
        parts = [(own.harm - ratio * own.control) / own.labelled / loss for own in units]
        around = moments(parts)
        return Moments(count=around.count, mean=ratio, variance=around.variance)


class _Arm:
    """One arm's units within a step: who came, who failed, and each one's losses."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self.failed: dict[str, int] = {}
        self.losses: dict[str, tuple[int, float]] = {}

    def failing(self) -> float:
        return math.fsum(rows / self.rows[unit] for unit, rows in self.failed.items())

    def loss(self) -> Moments:
        return moments([total / rows for rows, total in self.losses.values()])


class StepUnits:
    """The units of one step of a canary, by arm."""

    def __init__(self) -> None:
        self._candidate, self._control = _Arm(), _Arm()

    def row(self, unit: str, *, candidate: bool, failed: bool) -> None:
        """Count one row."""
        arm = self._candidate if candidate else self._control
        arm.rows[unit] = arm.rows.get(unit, 0) + 1
        if failed:
            arm.failed[unit] = arm.failed.get(unit, 0) + 1

    def label(self, unit: str, loss: float, *, candidate: bool) -> None:
        """Count the loss of one row."""
        arm = self._candidate if candidate else self._control
        rows, total = arm.losses.get(unit, (0, 0.0))
        arm.losses[unit] = (rows + 1, total + loss)

    def counts(
        self, weight: int, *, first_failures: Sides, first_slow: Sides, assigned: Sides
    ) -> CanaryCounts:
        """Return the numbers now."""
        one, other = self._candidate, self._control
        return CanaryCounts(
            weight=weight,
            units=Sides(candidate=len(one.rows), control=len(other.rows)),
            failed=Sides(candidate=len(one.failed), control=len(other.failed)),
            failing=(one.failing(), other.failing()),
            first_failures=first_failures,
            first_slow=first_slow,
            assigned=assigned,
            candidate_loss=one.loss(),
            control_loss=other.loss(),
        )
