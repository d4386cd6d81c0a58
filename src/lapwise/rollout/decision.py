"""What follows from the evidence: wait, hold, advance or roll back."""

from __future__ import annotations

from typing import Literal, TypeAlias

from lapwise.core.duration import format_duration
from lapwise.core.model import Record
from lapwise.core.rollout import Guard, Rollout, RolloutPolicy
from lapwise.rollout.confidence import bound_difference_above
from lapwise.rollout.evidence import Evidence
from lapwise.rollout.guards import FOR_PEOPLE, guards_of_canary, guards_of_shadow
from lapwise.rollout.sentences import about, count
from lapwise.rollout.summary import Sides, Summary

__all__ = ["Action", "Decision", "decide", "judge", "units_needed"]

Action: TypeAlias = Literal["wait", "hold", "advance", "roll_back"]
MOST = 100_000_000


class Decision(Record, frozen=True, kw_only=True):
    """What to do with a rollout now, and why.

    ``wait``: time goes on, nothing to do. ``hold``: it stays until a person acts, or until evidence
    comes after all. ``guards`` are the present stage's.
    """

    action: Action
    sentence: str
    guards: tuple[Guard, ...] = ()


def decide(rollout: Rollout, evidence: Evidence, now: int) -> Decision:
    """Return what follows from the log so far; the same log, history and ``now`` give the same.

    Call it at any moment and as often as wanted: no look costs anything.

    Raises:
        RolloutError: the evidence is another rollout's.
    """
    if evidence.rollout != rollout:
        evidence.follow(rollout)
    evidence.ripen(now)
    return judge(rollout, evidence.summary(), now)


def judge(rollout: Rollout, summary: Summary, now: int) -> Decision:
    """Return what follows from a summary of the evidence."""
    if not rollout.open:
        return Decision(action="hold", sentence=f"The rollout is over: {rollout.phase}.")
    canary = rollout.phase == "canary"
    find = guards_of_canary if canary else guards_of_shadow
    guards = find(rollout.policy, summary)
    if summary.fused:
        sentence = f"A server took the candidate out by itself: {summary.fused}"
        return Decision(action="roll_back", sentence=sentence, guards=guards)
    harmful = [
        guard for guard in guards if guard.status == "harmful" and _acts(guard, rollout, summary)
    ]
    if harmful:
        sentence = " ".join(f"{guard.name.capitalize()}: {guard.sentence}" for guard in harmful)
        return Decision(action="roll_back", sentence=sentence, guards=guards)
    if rollout.paused:
        return Decision(action="hold", sentence="Paused by a person.", guards=guards)
    by_name = {guard.name: guard for guard in guards}
    if rollout.phase == "waiting":
        sentence = "The shadow is done; a person is asked to approve."
        return Decision(action="hold", sentence=sentence, guards=guards)
    answer = _canary if canary else _shadow
    action, sentence = answer(rollout, summary, by_name, now - rollout.since)
    if action == "wait" and now - rollout.since >= rollout.policy.patience:
        action = "hold"
        sentence = f"Cannot tell after {format_duration(rollout.policy.patience)}. {sentence}"
    return Decision(action=action, sentence=sentence, guards=guards)


def units_needed(
    policy: RolloutPolicy, failed: float, control_failed: float, ratio: float
) -> int | None:
    """Return how many of the candidate's units exclude the margin if rates stay as they are.

    Args:
        policy: its margin and alpha.
        failed: the share of a unit's rows that the candidate fails, on average.
        control_failed: the same of production.
        ratio: how many units production has for one of the candidate's.

    Returns:
        The number to within a twentieth; None where none would do, or only an absurd one.
    """

    def excluded(units: int) -> bool:
        control = max(round(units * ratio), 1)
        high = bound_difference_above(
            units * failed, units, control * control_failed, control, policy.alpha
        )
        return high < policy.margin

    high = 8
    while not excluded(high):
        high *= 2
        if high > MOST:
            return None
    low = high // 2
    while high - low > max(high // 20, 1):
        middle = (low + high) // 2
        low, high = (low, middle) if excluded(middle) else (middle, high)
    return high


def _acts(guard: Guard, rollout: Rollout, summary: Summary) -> bool:
    """Say whether a harmful guard rolls back now.

    Nobody is harmed by a shadow's mistakes, so they are judged once all pairs are in: one bad day
    must not speak for all. Its failures are judged at once.
    """
    if guard.name in FOR_PEOPLE:
        return False
    early = rollout.phase == "shadow" and summary.shadow.pairs < rollout.policy.pairs
    return not (early and guard.name == "mistakes")


def _shadow(
    rollout: Rollout, summary: Summary, guards: dict[str, Guard], age: int
) -> tuple[Action, str]:
    """Judge a shadow: enough pairs, failures within the margin, mistakes within it or unknowable."""
    policy, shadow = rollout.policy, summary.shadow
    if shadow.pairs < policy.pairs:
        missing = policy.pairs - shadow.pairs
        return "wait", (
            f"{count(missing, 'more pair')} of {policy.pairs:,} to come"
            f"{_after(missing, shadow.pairs, age)}."
        )
    failures, mistakes = guards["failures"], guards["mistakes"]
    both = Sides(candidate=shadow.units, control=shadow.units)
    if failures.status != "harmless":
        return "wait", _more_units(policy, failures, (shadow.failing, both), age)
    changed = guards.get("disagreement")
    if mistakes.status == "harmless":
        return "advance", f"{count(shadow.pairs, 'pair')} compared. {mistakes.sentence}"
    if changed is not None and changed.status == "harmless":
        return "advance", f"{count(shadow.pairs, 'pair')} compared. {changed.sentence}"
    if shadow.labelled:
        return "wait", f"Mistakes cannot be told yet: {mistakes.sentence}"
    if age < policy.hold:
        return "wait", f"Waits for labels, {about(policy.hold - age)} more."
    known = f" {changed.sentence}" if changed is not None else ""
    return "advance", (
        f"{count(shadow.pairs, 'pair')} compared, and no label came within "
        f"{format_duration(policy.hold)}: mistakes are not judged, failures are.{known}"
    )


def _canary(
    rollout: Rollout, summary: Summary, guards: dict[str, Guard], age: int
) -> tuple[Action, str]:
    """Judge a step: routing right, long enough, enough units, failures within the margin."""
    policy, step = rollout.policy, summary.canary[-1]
    assignment, failures = guards["assignment"], guards["failures"]
    if assignment.status != "harmless":
        return "hold", assignment.sentence
    units = step.units.candidate
    if units < policy.min_units:
        missing = policy.min_units - units
        return "wait", (
            f"{count(missing, 'more unit')} of {policy.min_units:,} to come at {step.weight} %"
            f"{_after(missing, units, age)}."
        )
    if failures.status != "harmless":
        return "wait", _more_units(policy, failures, (step.failing, step.units), age)
    if age < policy.hold:
        return "wait", f"Holds {step.weight} % for {about(policy.hold - age)} more."
    mistakes = guards["mistakes"]
    known = f" Mistakes: {mistakes.sentence}" if mistakes.measured is not None else ""
    return "advance", f"{failures.sentence}{known}"


def _more_units(
    policy: RolloutPolicy, guard: Guard, seen: tuple[tuple[float, float], Sides], age: int
) -> str:
    """Say how many more units would conclude, if the rates stay as they are."""
    failing, units = seen
    sentence = f"Failures cannot be told yet: {guard.sentence}"
    if not units.candidate or not units.control:
        return sentence
    needed = units_needed(
        policy,
        failing[0] / units.candidate,
        failing[1] / units.control,
        units.control / units.candidate,
    )
    if needed is None:
        return f"{sentence} At these rates no number of units would be enough."
    missing = max(needed - units.candidate, 1)
    more = count(missing, "more unit")
    return f"{sentence} About {more} would do{_after(missing, units.candidate, age)}."


def _after(missing: int, seen: int, age: int) -> str:
    """Say how long it takes for so many more to come, as fast as they came so far."""
    return f", about {about(age * missing / seen)} at the present rate" if seen and age > 0 else ""
