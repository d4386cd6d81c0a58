"""Tables, their versions, contracts, examples, splits and leakage checks.

``snapshot`` and ``diff`` are imported from their own modules (``lapwise.data.snapshot.snapshot``): a
package cannot offer a function under the name of its submodule, because importing that binds it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapwise.data.contract import check
    from lapwise.data.examples import build_examples, count_late
    from lapwise.data.leakage.find import find_leakage
    from lapwise.data.leakage.model import FeatureSource, FeatureTable, LabelTable
    from lapwise.data.model import (
        ColumnDiff,
        ContractReport,
        DatasetDiff,
        Examples,
        Label,
        RuleFailure,
    )
    from lapwise.data.read import current, scan
    from lapwise.data.splits import GroupSplit, KeySplit, TimeSplit
    from lapwise.data.splits.assignment import assignment

__all__ = [
    "ColumnDiff",
    "ContractReport",
    "DatasetDiff",
    "Examples",
    "FeatureSource",
    "FeatureTable",
    "GroupSplit",
    "KeySplit",
    "Label",
    "LabelTable",
    "RuleFailure",
    "TimeSplit",
    "assignment",
    "build_examples",
    "check",
    "count_late",
    "current",
    "find_leakage",
    "scan",
]

_MODEL = "lapwise.data.model"
_HOMES = {
    "ColumnDiff": _MODEL,
    "ContractReport": _MODEL,
    "DatasetDiff": _MODEL,
    "Examples": _MODEL,
    "FeatureSource": "lapwise.data.leakage.model",
    "FeatureTable": "lapwise.data.leakage.model",
    "GroupSplit": "lapwise.data.splits.group",
    "KeySplit": "lapwise.data.splits.key",
    "Label": _MODEL,
    "LabelTable": "lapwise.data.leakage.model",
    "RuleFailure": _MODEL,
    "TimeSplit": "lapwise.data.splits.time",
    "assignment": "lapwise.data.splits.assignment",
    "build_examples": "lapwise.data.examples",
    "check": "lapwise.data.contract",
    "count_late": "lapwise.data.examples",
    "current": "lapwise.data.read",
    "find_leakage": "lapwise.data.leakage.find",
    "scan": "lapwise.data.read",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that a page pays only for what it says."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
