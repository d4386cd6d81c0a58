"""What MLflow's words and numbers mean here; the same for a database and a server."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from lapwise.core.model import Param, RunStatus, Stage, Tag
from lapwise.core.tracked import LoggedStatus

__all__ = [
    "DELETED_STAGE",
    "logged_status",
    "micros",
    "params_of",
    "stage_of",
    "status_of",
    "tags_of",
    "value_of",
]

DELETED_STAGE = "Deleted_Internal"
"""The stage under which MLflow's database keeps a deleted version."""

_STATUS: dict[str, RunStatus] = {
    "RUNNING": "running",
    "SCHEDULED": "running",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
}
_LOGGED: dict[Any, LoggedStatus] = {
    1: "pending",
    2: "ready",
    3: "failed",
    "LOGGED_MODEL_PENDING": "pending",
    "LOGGED_MODEL_READY": "ready",
    "LOGGED_MODEL_UPLOAD_FAILED": "failed",
}
_STAGES: dict[str, Stage] = {
    "none": "none",
    "staging": "staging",
    "production": "production",
    "archived": "archived",
}
_LARGEST = 1.7976931348623157e308


def micros(milliseconds: Any, otherwise: int = 0) -> int:
    """Return our time of one of MLflow's."""
    return otherwise if milliseconds is None else int(milliseconds) * 1000


def value_of(value: Any, *, nan: bool = False) -> float:
    """Return a metric's value: MLflow's tables hold the largest float where infinity was logged.

    >>> value_of("NaN"), value_of(1.7976931348623157e308), value_of(0.5)
    (nan, inf, 0.5)
    """
    if nan or value is None:
        return math.nan
    number = float(value)
    return math.copysign(math.inf, number) if abs(number) == _LARGEST else number


def status_of(status: Any) -> RunStatus:
    """Return a run's status; one that MLflow does not know of is ``failed``."""
    return _STATUS.get(str(status), "failed")


def logged_status(status: Any) -> LoggedStatus:
    """Return a logged model's status, by its number or its name."""
    return _LOGGED.get(status, "pending")


def stage_of(stage: Any) -> Stage:
    """Return a version's stage."""
    return _STAGES.get(str(stage or "none").lower(), "none")


def tags_of(
    pairs: Iterable[Mapping[str, Any]], key: str = "key", value: str = "value"
) -> tuple[Tag, ...]:
    """Return tags of rows, or of JSON, by name."""
    found = {str(one[key]): str(one.get(value) or "") for one in pairs}
    return tuple(Tag(name=name, value=found[name]) for name in sorted(found))


def params_of(
    pairs: Iterable[Mapping[str, Any]], key: str = "key", value: str = "value"
) -> tuple[Param, ...]:
    """Return parameters of rows, or of JSON, by name; MLflow's are texts."""
    found = {str(one[key]): str(one.get(value) or "") for one in pairs}
    return tuple(Param(name=name, value=found[name]) for name in sorted(found))
