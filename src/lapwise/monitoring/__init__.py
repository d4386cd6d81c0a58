"""Watching a model in use: frozen references, exact counters, outcomes, detectors, triggers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.monitoring.bins import Bins
    from lapwise.monitoring.counters import Counters
    from lapwise.monitoring.detectors.calibration import Calibration
    from lapwise.monitoring.detectors.drift import Drift
    from lapwise.monitoring.detectors.performance import Performance
    from lapwise.monitoring.detectors.prediction_drift import PredictionDrift
    from lapwise.monitoring.model import Monitor
    from lapwise.monitoring.observer import Observer, Tick
    from lapwise.monitoring.outcomes import Outcomes
    from lapwise.monitoring.reference import Counted, Held, Reference, make_reference
    from lapwise.monitoring.triggers import Code, OnAlarm, Schedule, TriggerState, pull

__all__ = [
    "Bins",
    "Calibration",
    "Code",
    "Counted",
    "Counters",
    "Drift",
    "Held",
    "Monitor",
    "Observer",
    "OnAlarm",
    "Outcomes",
    "Performance",
    "PredictionDrift",
    "Reference",
    "Schedule",
    "Tick",
    "TriggerState",
    "make_reference",
    "pull",
]

_HOMES = {
    "Bins": "bins",
    "Calibration": "detectors.calibration",
    "Code": "triggers",
    "Counted": "reference",
    "Counters": "counters",
    "Drift": "detectors.drift",
    "Held": "reference",
    "Monitor": "model",
    "Observer": "observer",
    "OnAlarm": "triggers",
    "Outcomes": "outcomes",
    "Performance": "detectors.performance",
    "PredictionDrift": "detectors.prediction_drift",
    "Reference": "reference",
    "Schedule": "triggers",
    "Tick": "observer",
    "TriggerState": "triggers",
    "make_reference": "reference",
    "pull": "triggers",
}


def __getattr__(name: str) -> object:
    """Import the module of a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lapwise.monitoring' has no attribute {name!r}")
    return getattr(import_module(f"lapwise.monitoring.{_HOMES[name]}"), name)
