"""How MLflow writes values in JSON: what both halves of the API share.

Fields are named as on the wire. Whole numbers are JSON numbers (a string of digits is taken too);
NaN and the infinities are the strings ``NaN``, ``Infinity`` and ``-Infinity``; unknown fields are
passed over; a field at its default (an empty list) is left out. Times are milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec

from lapwise.core.model import RunStatus, Scalar, Tag
from lapwise.server.mlflow.failures import Refusal

__all__ = [
    "EMPTY",
    "Answer",
    "KeyValue",
    "Number",
    "Request",
    "ViewType",
    "archived_of",
    "bounded",
    "from_milliseconds",
    "from_status",
    "needed",
    "number",
    "tags_of",
    "text_of",
    "to_milliseconds",
    "to_status",
    "wired",
]

Number: TypeAlias = float | str
"""A float as an answer holds it; make it by :func:`number`."""

ViewType: TypeAlias = Literal["ACTIVE_ONLY", "DELETED_ONLY", "ALL", 1, 2, 3, "1", "2", "3"]
"""Whether what was deleted is shown: a name, or the number that older clients send."""

_STATUS: dict[RunStatus, str] = {
    "running": "RUNNING",
    "finished": "FINISHED",
    "failed": "FAILED",
    "killed": "KILLED",
    "crashed": "FAILED",
}
_STATUS_BACK: dict[str, RunStatus] = {
    "RUNNING": "running",
    "SCHEDULED": "running",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
}
# MLflow's clients name a status by its number where they were written against the old protocol.
_NUMBERED = ("", "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")
_ARCHIVED = {"ACTIVE_ONLY": False, "1": False, "DELETED_ONLY": True, "2": True}
_LATEST = 2**62 // 1000


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """The parent of what a client sends.

    Every field has a default: ask :func:`needed` for those without which nothing can be done, so that
    the refusal is one that a client understands.
    """


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The parent of what a client gets; what is at its default is left out."""


class KeyValue(msgspec.Struct, frozen=True, kw_only=True):
    """A tag, a parameter, an alias."""

    key: str = ""
    value: str = ""


EMPTY = Answer()
"""The answer ``{}``."""


def number(value: float) -> Number:
    """Return a float as the wire has it.

    >>> number(0.5), number(float("nan")), number(float("-inf"))
    (0.5, 'NaN', '-Infinity')
    """
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def to_milliseconds(at: int) -> int:
    """Return MLflow's time of one of ours.

    >>> to_milliseconds(1_700_000_000_123_456)
    1700000000123
    """
    return at // 1000


def from_milliseconds(at: int, name: str) -> int:
    """Return our time of one of MLflow's; refused if it is before 1970 or absurd."""
    if not 0 <= at < _LATEST:
        raise Refusal(f"Invalid value {at} for parameter '{name}' supplied: not a time")
    return at * 1000


def to_status(status: RunStatus) -> str:
    """Return MLflow's status of one of ours."""
    return _STATUS[status]


def from_status(status: str | int) -> RunStatus:
    """Return our status of one of MLflow's, by name or by number."""
    if isinstance(status, int):
        status = _NUMBERED[status] if 0 <= status < len(_NUMBERED) else ""
    found = _STATUS_BACK.get(status)
    if found is None:
        raise Refusal(f"Invalid value for parameter 'status' supplied: one of {[*_STATUS_BACK]}")
    return found


def text_of(value: Scalar) -> str:
    """Return a parameter as MLflow shows it: text as it is, the rest as Python writes it.

    >>> text_of("0.10"), text_of(0.1), text_of(None), text_of(True)
    ('0.10', '0.1', 'None', 'True')
    """
    return str(value)


def wired(tags: Iterable[Tag]) -> tuple[KeyValue, ...]:
    """Return tags as the wire has them."""
    return tuple(KeyValue(key=tag.name, value=tag.value) for tag in tags)


def tags_of(pairs: Sequence[KeyValue]) -> tuple[Tag, ...]:
    """Return tags as the store has them."""
    return tuple(Tag(name=pair.key, value=pair.value) for pair in pairs)


def archived_of(view: ViewType) -> bool | None:
    """Return whether archived records are looked for; None for both.

    >>> archived_of("ACTIVE_ONLY"), archived_of(2), archived_of("ALL")
    (False, True, None)
    """
    return _ARCHIVED.get(str(view))


def needed(value: str, name: str) -> str:
    """Return a text that must not be empty."""
    if not value:
        raise Refusal(f"Missing value for required parameter '{name}'.")
    return value


def bounded(value: int, name: str, most: int) -> int:
    """Return how many are asked for, from 1 to ``most``."""
    if not 1 <= value <= most:
        raise Refusal(
            f"Invalid value {value} for parameter '{name}' supplied: "
            f"it must be at least 1 and at most {most}"
        )
    return value
