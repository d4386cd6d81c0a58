"""A parameter's value as columns: exact, as people read it, and as a number."""

from __future__ import annotations

import math

from lapwise.core.model import Scalar
from lapwise.store.encoding import encode_scalar

__all__ = ["number_of", "scalar_columns", "text_of"]


def scalar_columns(value: Scalar) -> dict[str, str | float | None]:
    """Return ``value``, ``text`` and ``number`` of a parameter's row.

    >>> scalar_columns("0.10")
    {'value': '"0.10"', 'text': '0.10', 'number': 0.1}
    """
    return {"value": encode_scalar(value), "text": text_of(value), "number": number_of(value)}


def text_of(value: Scalar) -> str:
    """Return a value as a person reads it, which is what an MLflow client would have sent.

    >>> text_of(1e-05), text_of(True), text_of(None)
    ('1e-05', 'True', 'None')
    """
    return str(value).replace("\0", "\N{REPLACEMENT CHARACTER}")  # which PostgreSQL does not take


def number_of(value: Scalar) -> float | None:
    """Return the finite number that a value is, or that its text reads like; else None.

    >>> number_of("-1e3"), number_of("ten"), number_of(True), number_of(float("nan"))
    (-1000.0, None, None, None)
    """
    if value is None or isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
