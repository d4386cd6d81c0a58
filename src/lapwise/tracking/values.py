"""What may be logged: names, numbers, parameters, tags, and names of artifacts."""

from __future__ import annotations

import contextlib
import operator
import os
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from lapwise.core.digest import encode_canonical
from lapwise.core.errors import TrackingError
from lapwise.core.model import Scalar

__all__ = [
    "LARGEST",
    "NAME_CHARACTERS",
    "artifact_name",
    "check_params",
    "check_tags",
    "metric_name",
    "metric_step",
    "metric_value",
    "recorded_seed",
    "reference",
]

NAME_CHARACTERS = 250
TEXT_CHARACTERS = 65_536
LARGEST = 2**63 - 1
"""The largest step and integer parameter; databases count in 64 bits."""


def metric_name(name: object) -> str:
    """Return a usable name; raises ValueError."""
    if not (isinstance(name, str) and 0 < len(name) <= NAME_CHARACTERS and name.isprintable()):
        raise ValueError("a name is text of 1 to 250 printable characters")
    return name if type(name) is str else str(name)


def metric_value(value: object) -> float:
    """Return a number as a float; text is none, even if it reads like one.

    Raises:
        Exception: whatever the value's ``__float__`` raises; TypeError for text.
    """
    if isinstance(value, str | bytes | bytearray):
        raise TypeError("text is not a number")
    number: Any = value
    return float(number)


def metric_step(step: object) -> int:
    """Return a step as an int; raises TypeError or ValueError."""
    if isinstance(step, float) and step.is_integer():
        step = int(step)
    number: Any = step
    whole = operator.index(number)
    if not -LARGEST <= whole <= LARGEST:
        raise ValueError("a step has at most 64 bits")
    return whole


def check_params(params: Mapping[str, object]) -> dict[str, Scalar]:
    """Return parameters as they are stored: scalars, JSON of lists and dicts, paths as text.

    Raises:
        TrackingError: a name or a value cannot be stored.

    >>> check_params({"lr": 0.1, "layers": (64, 32)})
    {'lr': 0.1, 'layers': '[64,32]'}
    """
    return {
        _checked_name("parameter", name): _scalar(name, value)
        for name, value in _mapping("params", params).items()
    }


def check_tags(tags: Mapping[str, object]) -> dict[str, str]:
    """Return tags as they are stored; raises TrackingError for what is no text."""
    checked = {}
    for name, value in _mapping("tags", tags).items():
        if not isinstance(value, str) or not _is_text(value):
            raise TrackingError(
                f"tag '{name}' is not text",
                value=value,
                expected="text without NUL of at most 65,536 characters",
            )
        checked[_checked_name("tag", name)] = str(value)
    return checked


def recorded_seed(seed: object) -> int | None:
    """Return a seed as it is recorded, any whole number of 64 bits; raises TrackingError.

    >>> recorded_seed(7), recorded_seed(None)
    (7, None)
    """
    if seed is None:
        return None
    whole: Any = seed
    with contextlib.suppress(TypeError):
        number = operator.index(whole)
        if not isinstance(seed, bool) and -LARGEST <= number <= LARGEST:
            return number
    raise TrackingError(
        "not a seed", value=seed, expected="a whole number of at most 64 bits, or None"
    )


def reference(run: object) -> str:
    """Return what a run is asked for by, its id or its number, as text; raises TrackingError.

    >>> reference(43)
    '43'
    """
    if isinstance(run, str) or (isinstance(run, int) and not isinstance(run, bool)):
        return str(run)
    raise TrackingError("not a run", value=run, expected="a run's number or id, such as 43")


def artifact_name(name: str) -> str:
    """Return a usable name, parts joined by ``/``; raises TrackingError when it leads elsewhere.

    >>> artifact_name("plots/roc.png")
    'plots/roc.png'
    """
    parts = PurePosixPath(name).parts
    if not parts or ".." in parts or parts[0] == "/" or "\\" in name or not name.isprintable():
        raise TrackingError(
            "not a name for an artifact",
            value=name,
            expected="printable text with / between its parts and no .., such as plots/roc.png",
        )
    return "/".join(parts)


def _mapping(what: str, given: Mapping[str, object]) -> Mapping[str, object]:
    if isinstance(given, Mapping):
        return given
    raise TrackingError(
        f"{what} are no mapping", value=given, expected=f"names and values: {what}={{'name': ...}}"
    )


def _checked_name(kind: str, name: str) -> str:
    try:
        return metric_name(name)
    except ValueError as error:
        raise TrackingError(
            f"not a name for a {kind}", value=name, expected="1 to 250 printable characters"
        ) from error


def _is_text(text: str) -> bool:
    return (
        len(text) <= TEXT_CHARACTERS
        and "\0" not in text
        and text.encode(errors="replace").decode() == text
    )


def _scalar(name: str, value: object) -> Scalar:
    item = getattr(value, "item", None)
    if not isinstance(value, str | bool | int | float) and callable(item):
        with contextlib.suppress(TypeError, ValueError, RuntimeError):
            value = item()  # a NumPy scalar, or an array of one
    if isinstance(value, list | tuple | dict):
        with contextlib.suppress(TypeError, OverflowError, ValueError):
            value = encode_canonical(value).decode()
    elif isinstance(value, os.PathLike):
        value = os.fspath(value)
    match value:
        case None | bool():
            return value
        case int() if -LARGEST <= value <= LARGEST:
            return int(value)
        case float():
            return float(value)
        case str() if _is_text(value):
            return str(value)
        case _:
            raise TrackingError(
                f"parameter '{name}' cannot be stored",
                value=value,
                expected="text of at most 65,536 characters, a 64-bit number, a bool or None; "
                "lists and dicts of these",
                fix="log str(value), or an artifact",
            )
