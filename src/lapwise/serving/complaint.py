"""What is wrong with a body that cannot be read, said without repeating a value of it."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

__all__ = ["complaint"]


class _NoNumber:
    """Stands for NaN, Infinity or -Infinity while a body is searched."""


def complaint(body: bytes, known: Collection[str]) -> str:
    """Return a sentence on a body that is not JSON; NaN and infinity are found and placed.

    Args:
        body: what was sent.
        known: names of inputs that may be said.
    """
    try:
        content = json.loads(body, parse_constant=lambda _text: _NoNumber())
    except (ValueError, RecursionError):
        return "the body is not JSON"
    inputs = content.get("inputs") if isinstance(content, dict) else None
    for place, one in enumerate(inputs if isinstance(inputs, list) else ()):
        if isinstance(one, dict) and _holds(one.get("data")):
            name = one.get("name")
            shown = f"'{name}'" if name in known else f"number {place + 1}"
            return f"input {shown} holds NaN or Infinity, which JSON does not know; send null"
    return "the body is not JSON: it may hold NaN or Infinity, or text that is not UTF-8"


def _holds(data: Any) -> bool:
    if isinstance(data, list):
        return any(_holds(one) for one in data)
    return isinstance(data, _NoNumber)
