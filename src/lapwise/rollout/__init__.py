"""Bringing a version to users step by step: the policy, its statistics, its acts and its plan."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.rollout.decision import Action, Decision, decide, judge
    from lapwise.rollout.evidence import Evidence
    from lapwise.rollout.model import Pairs, Rollout
    from lapwise.rollout.planning import PlannedStep, plan
    from lapwise.rollout.summary import Summary
    from lapwise.rollout.traffic import Traffic, TrafficFold
    from lapwise.rollout.transitions import (
        abort,
        advance,
        approve,
        deployment_for,
        pause,
        resume,
        roll_back,
        start,
    )

__all__ = [
    "Action",
    "Decision",
    "Evidence",
    "Pairs",
    "PlannedStep",
    "Rollout",
    "Summary",
    "Traffic",
    "TrafficFold",
    "abort",
    "advance",
    "approve",
    "decide",
    "deployment_for",
    "judge",
    "pause",
    "plan",
    "resume",
    "roll_back",
    "start",
]

_HOMES = {
    "Action": "decision",
    "Decision": "decision",
    "Evidence": "evidence",
    "Pairs": "model",
    "PlannedStep": "planning",
    "Rollout": "model",
    "Summary": "summary",
    "Traffic": "traffic",
    "TrafficFold": "traffic",
    "abort": "transitions",
    "advance": "transitions",
    "approve": "transitions",
    "decide": "decision",
    "deployment_for": "transitions",
    "judge": "decision",
    "pause": "transitions",
    "plan": "planning",
    "resume": "transitions",
    "roll_back": "transitions",
    "start": "transitions",
}


def __getattr__(name: str) -> object:
    """Import the module of a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lapwise.rollout' has no attribute {name!r}")
    return getattr(import_module(f"lapwise.rollout.{_HOMES[name]}"), name)
