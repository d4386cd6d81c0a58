"""Rollouts at their stages, for tests."""

from __future__ import annotations

from lapwise.core.rollout import Rollout, RolloutPolicy
from lapwise.rollout import Decision, advance, approve, start

DAY = 86_400_000_000
POLICY = RolloutPolicy(pairs=1500, steps=(10, 50, 100), hold=DAY, min_units=100, margin=0.05)
ADVANCE = Decision(action="advance", sentence="All is well.")


def started(policy: RolloutPolicy = POLICY) -> Rollout:
    return start(id="r1", model="m", candidate="new", control="old", policy=policy, at=0)


def waiting() -> Rollout:
    return advance(started(), ADVANCE, at=DAY)


def canary() -> Rollout:
    return approve(waiting(), at=2 * DAY, by="ada")
