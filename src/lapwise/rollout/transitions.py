"""The acts of a rollout: each takes the record as it is and returns the next, with its history."""

from __future__ import annotations

from typing import Any

import msgspec

from lapwise.core.deployment import BUCKETS, Deployment
from lapwise.core.duration import format_duration
from lapwise.core.errors import RolloutError
from lapwise.core.rollout import Guard, Rollout, RolloutEvent, RolloutPhase, RolloutPolicy
from lapwise.rollout.decision import Decision

__all__ = [
    "abort",
    "advance",
    "approve",
    "deployment_for",
    "pause",
    "resume",
    "roll_back",
    "start",
]


def start(
    *,
    id: str,
    model: str,
    candidate: str,
    control: str,
    policy: RolloutPolicy,
    at: int,
    by: str = "",
) -> Rollout:
    """Return a new rollout: in shadow, or waiting for a person where the policy asks for no pairs.

    Raises:
        RolloutError: there is nothing to compare the candidate with, or it is in production.
    """
    if not control:
        raise RolloutError(
            "there is no production version to compare with",
            value=candidate,
            expected="a version in production; the first goes to all units as bootstrap",
            fix="lapwise promote",
        )
    if candidate == control:
        raise RolloutError(
            "the version is in production already",
            value=candidate,
            expected="another version than production's",
            fix="lapwise models",
        )
    rollout = Rollout(
        id=id,
        model=model,
        candidate=candidate,
        control=control,
        policy=policy,
        phase="shadow" if policy.pairs else "waiting",
        started=at,
        since=at,
    )
    sentence = (
        f"Answers beside production until {policy.pairs:,} pairs are compared."
        if policy.pairs
        else "No shadow is asked for; a person is asked to approve."
    )
    return _act(rollout, "started", at=at, by=by, sentence=sentence, since=at)


def advance(
    rollout: Rollout, decision: Decision, *, at: int, by: str = "", force: bool = False
) -> Rollout:
    """Return the rollout one step on: from shadow to waiting, or to the next step of the canary.

    The step of 100 per cent is the promotion. With ``force`` a person goes on where the evidence
    holds; the history says so. What rolls back cannot be forced.

    Raises:
        RolloutError: the decision is another, the rollout is over, paused, or waits for approval.
    """
    _open(rollout, "go on")
    if rollout.paused:
        raise RolloutError(
            "the rollout is paused",
            value=rollout.id,
            expected="a rollout that goes on",
            fix="lapwise rollout resume",
        )
    if rollout.phase == "waiting":
        raise RolloutError(
            "the rollout waits for a person",
            value=rollout.candidate,
            expected="an approval",
            fix="lapwise approve",
        )
    if decision.action != "advance" and not (force and by and decision.action != "roll_back"):
        raise RolloutError(
            "the evidence does not let the rollout go on",
            value=decision.action,
            expected=decision.sentence,
            fix="wait, or lapwise rollout abort",
        )
    sentence = decision.sentence
    if decision.action != "advance":
        sentence = f"Without enough evidence, by the will of {by}: {sentence}"
    if rollout.phase == "shadow":
        changes: dict[str, Any] = {"phase": "waiting"}
        return _act(
            rollout, "compared", at=at, by=by, sentence=sentence, guards=decision.guards, **changes
        )
    return _step(rollout, rollout.step + 1, at, by, sentence, decision.guards)


def approve(rollout: Rollout, *, at: int, by: str, note: str = "") -> Rollout:
    """Return the rollout at the first step of its canary, by a person or a recorded policy.

    Raises:
        RolloutError: it does not wait for approval, is paused, or nobody is named.
    """
    _open(rollout, "be approved")
    if not by:
        raise RolloutError("an approval has a name", expected="who approves", fix="--by NAME")
    if rollout.phase != "waiting" or rollout.paused:
        raise RolloutError(
            "the rollout does not wait for approval",
            value="paused" if rollout.paused else rollout.phase,
            expected="a shadow that is done and a rollout that is not paused",
            fix="lapwise rollout resume" if rollout.paused else "lapwise rollout status",
        )
    return _step(rollout, 0, at, by, note or f"Approved by {by}.", rollout.guards)


def roll_back(rollout: Rollout, decision: Decision | str, *, at: int, by: str = "") -> Rollout:
    """Return the rollout as rolled back, for a decision or for a person's reason.

    Raises:
        RolloutError: it is over, or the decision is another.
    """
    _open(rollout, "be rolled back")
    if isinstance(decision, str):
        decision = Decision(action="roll_back", sentence=decision, guards=rollout.guards)
    if decision.action != "roll_back":
        raise RolloutError(
            "the evidence does not roll back",
            value=decision.action,
            expected=decision.sentence,
            fix="lapwise rollout abort",
        )
    return _act(
        rollout,
        "rolled_back",
        at=at,
        by=by,
        sentence=decision.sentence,
        guards=decision.guards,
        phase="rolled_back",
        weight=0,
        paused=False,
        since=at,
    )


def pause(rollout: Rollout, *, at: int, by: str, reason: str = "") -> Rollout:
    """Return the rollout paused: it keeps its weight and goes no further, and may be rolled back.

    Raises:
        RolloutError: it is over, or paused already.
    """
    _open(rollout, "be paused")
    if rollout.paused:
        raise _already("paused", "lapwise rollout resume")
    return _act(rollout, "paused", at=at, by=by, sentence=reason or "Paused.", paused=True)


def resume(rollout: Rollout, *, at: int, by: str, reason: str = "") -> Rollout:
    """Return the rollout going on; its step holds, and has patience, anew from now.

    Raises:
        RolloutError: it is over, or not paused.
    """
    _open(rollout, "be resumed")
    if not rollout.paused:
        raise _already("going on", "lapwise rollout pause")
    sentence = reason or "Goes on."
    return _act(rollout, "resumed", at=at, by=by, sentence=sentence, paused=False, since=at)


def abort(rollout: Rollout, *, at: int, by: str, reason: str = "") -> Rollout:
    """Return the rollout as given up by a person; says nothing against the candidate.

    Raises:
        RolloutError: it is over.
    """
    _open(rollout, "be aborted")
    return _act(
        rollout,
        "aborted",
        at=at,
        by=by,
        sentence=reason or "Given up.",
        phase="aborted",
        weight=0,
        paused=False,
        since=at,
    )


def deployment_for(rollout: Rollout, production: str, *, at: int, reason: str = "") -> Deployment:
    """Return what answers while the rollout is as it is.

    Args:
        rollout: its phase and weight decide; its id is the salt, so nobody moves back and forth.
        production: the id of the version in production now.
        at: the world's time.
        reason: for people; default: the latest act.

    Raises:
        RolloutError: production is no longer the version that the rollout compares with.
    """
    open_as = {"shadow": rollout.candidate, "waiting": rollout.candidate}
    if rollout.open and production != rollout.control:
        raise RolloutError(
            "production changed under a rollout",
            value=production,
            expected=f"{rollout.control}, which the candidate is compared with",
            fix="lapwise rollout abort",
        )
    canary = rollout.phase == "canary"
    shadowed = open_as.get(rollout.phase) if rollout.policy.pairs else None
    return Deployment(
        model=rollout.model,
        production=rollout.candidate if rollout.phase == "promoted" else production,
        canary=rollout.candidate if canary else None,
        weight=rollout.weight * BUCKETS // 100 if canary else 0,
        shadow=shadowed,
        salt=rollout.id if rollout.open else "",
        at=at,
        reason=reason or (rollout.history[-1].sentence if rollout.history else ""),
    )


def _step(
    rollout: Rollout, step: int, at: int, by: str, sentence: str, guards: tuple[Guard, ...]
) -> Rollout:
    """Return the rollout at a step of its canary, or promoted where nobody is left behind."""
    weight = rollout.policy.steps[step]
    done = weight == 100
    phase: RolloutPhase = "promoted" if done else "canary"
    if not done:
        hold = format_duration(rollout.policy.hold)
        sentence = f"{sentence} {weight} % of units, for {hold} at least."
    return _act(
        rollout,
        "promoted" if done else "raised",
        at=at,
        by=by,
        sentence=sentence,
        guards=guards,
        phase=phase,
        step=step,
        weight=weight,
        since=at,
    )


def _act(
    rollout: Rollout,
    action: str,
    *,
    at: int,
    by: str,
    sentence: str,
    guards: tuple[Guard, ...] = (),
    **changes: Any,
) -> Rollout:
    """Return the rollout with changes and the event that made them."""
    if rollout.history and at < rollout.history[-1].at:
        raise RolloutError(
            "a rollout's history does not run backwards",
            value=at,
            expected=f"a time at or after {rollout.history[-1].at}",
            fix="act at the world's present time",
        )
    if guards:
        changes["guards"] = guards
    after = msgspec.structs.replace(rollout, **changes)
    event = RolloutEvent(
        at=at,
        action=action,
        phase=after.phase,
        weight=after.weight,
        sentence=sentence,
        by=by,
        guards=guards,
    )
    return msgspec.structs.replace(after, history=(*rollout.history, event))


def _open(rollout: Rollout, what: str) -> None:
    if not rollout.open:
        raise RolloutError(
            f"a rollout that is over cannot {what}",
            value=rollout.phase,
            expected="a rollout in shadow, waiting or canary",
            fix="lapwise rollout status",
        )


def _already(state: str, fix: str) -> RolloutError:
    return RolloutError(f"the rollout is {state} already", expected="the other way round", fix=fix)
