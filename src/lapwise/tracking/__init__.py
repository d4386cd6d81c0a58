"""Tracking: runs, what they logged, and what it takes to repeat them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.tracking.active import current_run, enter_run, leave_run
    from lapwise.tracking.capturing import capture
    from lapwise.tracking.comparison import compare
    from lapwise.tracking.comparison_table import Turned, package_changes, turned
    from lapwise.tracking.finding import FoundRuns, find_runs
    from lapwise.tracking.model import Columns, Comparison, Difference, Recovery, RunRow, Same
    from lapwise.tracking.recovery import recover
    from lapwise.tracking.run import ActiveRun
    from lapwise.tracking.start import join_run, start_run
    from lapwise.tracking.table import cells, choose_columns, headers, line, rows, summary_rows

__all__ = [
    "ActiveRun",
    "Columns",
    "Comparison",
    "Difference",
    "FoundRuns",
    "Recovery",
    "RunRow",
    "Same",
    "Turned",
    "capture",
    "cells",
    "choose_columns",
    "compare",
    "current_run",
    "enter_run",
    "find_runs",
    "headers",
    "join_run",
    "leave_run",
    "line",
    "package_changes",
    "recover",
    "rows",
    "start_run",
    "summary_rows",
    "turned",
]

_FILES = {
    "ActiveRun": "run",
    "Columns": "model",
    "Comparison": "model",
    "Difference": "model",
    "FoundRuns": "finding",
    "Recovery": "model",
    "RunRow": "model",
    "Same": "model",
    "Turned": "comparison_table",
    "capture": "capturing",
    "cells": "table",
    "choose_columns": "table",
    "compare": "comparison",
    "current_run": "active",
    "enter_run": "active",
    "find_runs": "finding",
    "headers": "table",
    "join_run": "start",
    "leave_run": "active",
    "line": "table",
    "package_changes": "comparison_table",
    "recover": "recovery",
    "rows": "table",
    "start_run": "start",
    "summary_rows": "table",
    "turned": "comparison_table",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for."""
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
