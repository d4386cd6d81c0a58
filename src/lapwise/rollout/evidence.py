"""A rollout's evidence: a fold over the prediction log, pure and in any order within reason."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush

from lapwise.core.errors import RolloutError
from lapwise.core.evidence import Task
from lapwise.core.model import Scalar
from lapwise.core.prediction import (
    Answer,
    Answered,
    Feedback,
    Fused,
    LogEntry,
    Outcome,
    prediction_id,
)
from lapwise.core.rollout import Rollout
from lapwise.rollout.counting import Bounded, Firsts, Moment, Seen, ShadowUnits, StepUnits
from lapwise.rollout.loss import Loss
from lapwise.rollout.stages import Stage, find_stage, stages
from lapwise.rollout.summary import Summary

__all__ = ["Evidence"]

WAITING = 500_000
"""So many predictions may wait for their label or their shadow; the oldest then goes."""
LABELS = 500_000
"""So many labels are remembered for predictions that are not known yet."""
BINS = 10


class _Waiting:
    """A prediction that waits for its other half or its label."""

    __slots__ = ("at", "candidate", "control", "failed", "label", "paired", "row", "stage", "unit")

    def __init__(self, stage: int) -> None:
        self.stage = stage
        self.unit: str | None = None
        self.row = ""
        self.at = 0
        self.candidate: float | None = None
        self.control: float | None = None
        self.failed: list[bool | None] = [None, None]
        self.label: tuple[Scalar, int] | None = None
        self.paired = False


class Evidence:
    """What the log says about a rollout so far.

    The same entries and the same history give the same numbers, to the bit, whoever folds them: an
    entry belongs to the stage within which its ``at`` falls. A request counts once; so does the
    first label of a prediction. A shadow's answer may come before or after production's, a label
    before or after both. Memory grows with units and with predictions that wait, up to a limit.

    Args:
        rollout: its history says the stages; see :meth:`follow`.
        task: ``binary``, ``multiclass`` or ``regression``.
        threshold_candidate: at or above is yes, for the candidate.
        threshold_control: the same for production; without both, scores are judged by Brier's loss.
        classes: the names of classes in the order of scores.
        mature: a label counts once its prediction is so many microseconds old. Labels that come early
            are not like the others (a flight that lands late is known late), so what is judged is
            predictions whose labels have had their time.
        slow: an answer that took longer, in microseconds, is slow; None leaves latency out, so that
            two replays decide alike.
    """

    def __init__(
        self,
        rollout: Rollout,
        *,
        task: Task,
        threshold_candidate: float | None = None,
        threshold_control: float | None = None,
        classes: tuple[str, ...] = (),
        mature: int = 0,
        slow: int | None = None,
    ) -> None:
        self.rollout = rollout
        self.loss = Loss(
            task=task,
            threshold_candidate=threshold_candidate,
            threshold_control=threshold_control,
            classes=classes,
        )
        self.slow = slow
        self._mature = mature
        self._ripening: list[tuple[int, Moment, _Waiting, Scalar]] = []
        self.latest = rollout.started
        self._stages = stages(rollout)
        self._fused: tuple[int, str] | None = None
        self._seen = Seen(WAITING)
        self._waiting: Bounded[_Waiting] = Bounded(WAITING)
        self._by_row: dict[str, list[str]] = {}
        self._labels: Bounded[tuple[Scalar, int]] = Bounded(LABELS)
        self._shadow = ShadowUnits()
        self._steps: dict[int, StepUnits] = {}
        self._first_failures, self._first_slow, self._assigned = Firsts(), Firsts(), Firsts()
        self._scores: dict[int, tuple[list[int], list[int]]] = {}

    def follow(self, rollout: Rollout) -> None:
        """Take over a longer history of the same rollout.

        What was added already stays where it was: give a new stage a start after :attr:`latest`.

        Raises:
            RolloutError: another rollout, or a history that does not continue this one.
        """
        ordered = stages(rollout)
        if rollout.id != self.rollout.id or ordered[: len(self._stages)] != self._stages:
            raise RolloutError(
                "evidence belongs to one rollout and its history",
                value=rollout.id,
                expected=f"a continuation of {self.rollout.id}",
                fix="fold the log anew with a new Evidence",
            )
        self.rollout, self._stages = rollout, ordered

    def add(self, entry: LogEntry) -> None:
        """Fold one entry of the log, production's or the shadow's."""
        if isinstance(entry, Answered):
            place = find_stage(self._stages, entry.at)
            if place is not None:
                self.latest = max(self.latest, entry.at)
                self._answered(entry, place)
        elif isinstance(entry, Feedback):
            for outcome in entry.outcomes:
                self._outcome(outcome, entry.at)
        else:
            self._fuse(entry)

    def ripen(self, now: int) -> None:
        """Count the labels of predictions that are old enough by now."""
        while self._ripening and self._ripening[0][0] <= now:
            _, moment, one, label = heappop(self._ripening)
            self._lose(one, moment, label)

    def summary(self) -> Summary:
        """Return the numbers now; costs a walk over the units."""
        steps = tuple(
            self._steps.get(place, StepUnits()).counts(
                stage.weight,
                first_failures=self._first_failures.sides(place),
                first_slow=self._first_slow.sides(place),
                assigned=self._assigned.sides(place),
            )
            for place, stage in enumerate(self._stages)
            if stage.kind == "canary"
        )
        present = max(
            (place for place, stage in enumerate(self._stages) if stage.kind != "closed"),
            default=0,
        )
        candidate, control = self._scores.get(present, ([], []))
        unpaired = sum(not one.paired for one in self._waiting.values())
        return Summary(
            shadow=self._shadow.counts(unpaired=unpaired, relative=self.loss.relative),
            canary=steps,
            decided=self.loss.decided,
            relative=self.loss.relative,
            timed=self.slow is not None,
            scores=(tuple(candidate), tuple(control)),
            fused=self._fused[1] if self._fused else "",
        )

    def _fuse(self, entry: Fused) -> None:
        if entry.version != self.rollout.candidate:
            return
        if find_stage(self._stages, entry.at) is not None:
            self._fused = min(self._fused or (entry.at, entry.reason), (entry.at, entry.reason))

    def _answered(self, entry: Answered, place: int) -> None:
        stage = self._stages[place]
        if self._seen.again(entry.request + " shadow" * entry.shadow):
            return
        if stage.kind == "shadow":
            self._half(entry, place, shadow=entry.shadow)
        elif not entry.shadow:
            self._step(entry, place, stage)

    # A shadow: two entries of one request meet.

    def _half(self, entry: Answered, stage: int, *, shadow: bool) -> None:
        version = self.rollout.candidate if shadow else self.rollout.control
        for answer in entry.answers:
            if answer.version == version:
                for place, score in _scored(answer):
                    self._count_score(score, stage, candidate=shadow)
                    kept = self.loss.reduce(score, candidate=shadow)
                    self._join(entry, place, stage, shadow=shadow, kept=kept)
        for failure in entry.failures:
            # How long a shadow may take says nothing of what a server would.
            if failure.version == version and not (shadow and failure.kind == "timeout"):
                self._join(entry, failure.place, stage, shadow=shadow, kept=None)

    def _join(
        self, entry: Answered, place: int, stage: int, *, shadow: bool, kept: float | None
    ) -> None:
        name = prediction_id(entry.request, place)
        one = self._waiting.get(name) or self._wait(name, _Waiting(stage))
        one.failed[0 if shadow else 1] = kept is None
        if shadow:
            one.candidate = kept
        else:
            one.control = kept
            self._identify(one, name, entry, place)
        self._settle(name, one)

    # A canary: one entry, some rows the candidate's.

    def _step(self, entry: Answered, stage: int, step: Stage) -> None:
        tried: dict[int, bool] = {}
        answered: list[tuple[int, float | list[float], bool]] = []
        for failure in entry.failures:
            tried[failure.place] = tried.get(failure.place, False) or (
                failure.version == self.rollout.candidate
            )
        failed = frozenset(tried)
        for answer in entry.answers:
            own = answer.version == self.rollout.candidate
            for place, score in _scored(answer):
                if place not in failed:
                    tried[place] = own
                    answered.append((place, score, own))
        units = self._steps.setdefault(stage, StepUnits())
        arms = set(tried.values())
        for place, candidate in sorted(tried.items()):
            unit = _unit(entry, place)
            moment = (entry.at, entry.at, entry.request, place)
            units.row(unit, candidate=candidate, failed=place in failed)
            self._assigned.see(unit, moment, stage, candidate=candidate)
            if place in failed:
                self._first_failures.see(unit, moment, stage, candidate=candidate)
            if self.slow is not None and entry.microseconds > self.slow and len(arms) == 1:
                self._first_slow.see(unit, moment, stage, candidate=candidate)
        for place, score, own in answered:
            self._count_score(score, stage, candidate=own)
            name = prediction_id(entry.request, place)
            one = self._wait(name, _Waiting(stage))
            kept = self.loss.reduce(score, candidate=own)
            one.candidate, one.control = (kept, None) if own else (None, kept)
            one.paired = True
            self._identify(one, name, entry, place)
            self._settle(name, one)

    # Waiting, labels and losses.

    def _wait(self, name: str, one: _Waiting) -> _Waiting:
        gone = self._waiting.put(name, one)
        if gone is not None:
            self._forget_row(gone)
        return one

    def _forget_row(self, one: _Waiting) -> None:
        names = [name for name in self._by_row.pop(one.row, ()) if name in self._waiting]
        if names:
            self._by_row[one.row] = names

    def _identify(self, one: _Waiting, name: str, entry: Answered, place: int) -> None:
        """Say whose row it is, and look for a label that came early."""
        one.at, one.unit = entry.at, _unit(entry, place)
        one.row = entry.rows[place] if place < len(entry.rows) else ""
        if one.row:
            self._by_row.setdefault(one.row, []).append(name)
            one.label = one.label or self._labels.get("row " + one.row)
        one.label = self._labels.get(name) or one.label

    def _outcome(self, outcome: Outcome, at: int) -> None:
        if outcome.label is None:
            return
        label = (outcome.label, at)
        key = outcome.prediction or "row " + outcome.row
        if key in self._labels:
            return
        self._labels.put(key, label)
        names = [outcome.prediction] if outcome.prediction else self._by_row.get(outcome.row, [])
        for name in tuple(names):
            one = self._waiting.get(name)
            if one is not None and one.label is None:
                one.label = label
                self._settle(name, one)

    def _settle(self, name: str, one: _Waiting) -> None:
        """Count what has become known of a prediction, and let it go once all is."""
        if one.unit is None:
            return
        request, _, place = name.rpartition(".")
        shadow = self._stages[one.stage].kind == "shadow"
        if shadow and not one.paired:
            candidate, control = one.failed
            if candidate is None or control is None:
                return
            one.paired = True
            moment = (one.at, one.at, request, int(place))
            changed = None
            if self.loss.decided and not candidate and not control:
                changed = float(one.candidate != one.control)
            self._shadow.pair(one.unit, moment, (candidate, control), changed=changed)
            if candidate or control:
                self._let_go(name, one)
                return
        if one.label is not None:
            label, known = one.label
            moment = (max(known, one.at), one.at, request, int(place))
            self._let_go(name, one)
            if self._mature:
                heappush(self._ripening, (one.at + self._mature, moment, one, label))
            else:
                self._lose(one, moment, label)

    def _let_go(self, name: str, one: _Waiting) -> None:
        self._waiting.pop(name, None)
        self._forget_row(one)

    def _lose(self, one: _Waiting, moment: Moment, label: Scalar) -> None:
        unit = one.unit or ""
        losses = [
            None if kept is None else self.loss.measure(kept, label)
            for kept in (one.candidate, one.control)
        ]
        if self._stages[one.stage].kind == "shadow":
            if losses[0] is not None and losses[1] is not None:
                self._shadow.label(unit, moment, losses[0], losses[1])
            return
        for loss, candidate in zip(losses, (True, False), strict=True):
            if loss is not None:
                self._steps[one.stage].label(unit, loss, candidate=candidate)

    def _count_score(self, score: float | list[float], stage: int, *, candidate: bool) -> None:
        if self.loss.task == "regression":
            return
        number = max(score) if isinstance(score, list) else score
        counts = self._scores.setdefault(stage, ([0] * BINS, [0] * BINS))
        counts[0 if candidate else 1][min(max(int(number * BINS), 0), BINS - 1)] += 1


def _scored(answer: Answer) -> Iterator[tuple[int, float | list[float]]]:
    """Yield the place and the score of each row."""
    yield from zip(answer.places, answer.scores, strict=True)


def _unit(entry: Answered, place: int) -> str:
    """Return whose row it is; a row without a unit is one of its own."""
    unit = entry.units[place] if place < len(entry.units) else ""
    return unit or prediction_id(entry.request, place)
