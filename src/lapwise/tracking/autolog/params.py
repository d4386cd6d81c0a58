"""Parameters of estimators as they are logged: short, never an address, never a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lapwise.core.model import Scalar

__all__ = ["MOST_PARAMS", "params_of", "said"]

MOST_PARAMS = 200
_TEXT = 250
_ITEMS = 20


def params_of(settings: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return at most 200 settings by name, each as :func:`said`."""
    return {str(name): said(settings[name]) for name in list(settings)[:MOST_PARAMS]}


def said(value: Any) -> Scalar:
    """Return a setting as a scalar: numbers as they are, all else as at most 250 characters.

    An estimator is the name of its class, a table its shape; a text never holds an address of
    memory, so that equal settings are equal texts.

    >>> said(0.5), said("l2"), said((64, 32)), said({"C": [0.1, 1]}), said(len)
    (0.5, 'l2', '(64, 32)', '{C: [0.1, 1]}', 'len')
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if not isinstance(value, int) or abs(value) < 2**63 else str(value)[:_TEXT]
    text = _text(value)
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, Mapping):
        pairs = [f"{name}: {said(value[name])}" for name in list(value)[:_ITEMS]]
        return "{" + _joined(pairs, len(value)) + "}"
    if isinstance(value, list | tuple):
        inside = _joined([str(said(one)) for one in value[:_ITEMS]], len(value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if isinstance(value, type) or callable(value):
        return str(getattr(value, "__qualname__", type(value).__name__))
    if hasattr(value, "get_params"):
        return type(value).__name__
    shape = getattr(value, "shape", None)
    if shape == () and hasattr(value, "item"):
        return str(value.item())
    if shape is not None:
        return f"{type(value).__name__}{tuple(shape)}"
    text = repr(value)
    return type(value).__name__ if " at 0x" in text else text


def _joined(texts: list[str], size: int) -> str:
    return ", ".join(texts) + (", …" if size > len(texts) else "")
