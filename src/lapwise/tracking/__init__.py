"""Tracking: runs, what they logged, and what it takes to repeat them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.tracking.capturing import capture
    from lapwise.tracking.comparison import compare
    from lapwise.tracking.model import Columns, Comparison, Difference, Recovery, RunRow, Same
    from lapwise.tracking.recovery import recover
    from lapwise.tracking.run import ActiveRun
    from lapwise.tracking.start import start_run
    from lapwise.tracking.table import cells, choose_columns, headers, line, rows

__all__ = [
    "ActiveRun",
    "Columns",
    "Comparison",
    "Difference",
    "Recovery",
    "RunRow",
    "Same",
    "capture",
    "cells",
    "choose_columns",
    "compare",
    "headers",
    "line",
    "recover",
    "rows",
    "start_run",
]

_FILES = {
    "ActiveRun": "run",
    "Columns": "model",
    "Comparison": "model",
    "Difference": "model",
    "Recovery": "model",
    "RunRow": "model",
    "Same": "model",
    "capture": "capturing",
    "cells": "table",
    "choose_columns": "table",
    "compare": "comparison",
    "headers": "table",
    "line": "table",
    "recover": "recovery",
    "rows": "table",
    "start_run": "start",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for."""
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
