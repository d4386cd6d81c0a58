"""On-demand features of one row in plain Python, to the bit what Polars gives for many.

An expression is translated once, given the types of what it reads. Where plain Python is not known
to agree with Polars (text that is not ASCII in lower case, an instant before the year 1, a cast
that fails), the row is computed by Polars instead: slower, and the same by construction.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.features.expressions.scalar.evaluator import Evaluator
    from lapwise.features.expressions.scalar.translation import translate

__all__ = ["Evaluator", "translate"]

_MODULES = {"Evaluator": "evaluator", "translate": "translation"}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
