"""Quality gates: evidence goes in, verdicts with measure, limit, doubt and a sentence come out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.gates.judgement import Decision, decide, judge, measure_metric
    from lapwise.gates.metrics import METRICS, Metric, find_metric
    from lapwise.gates.model import Gate, Need
    from lapwise.gates.report import to_json, to_markdown, to_table
    from lapwise.gates.rules.g001_no_leakage import NoLeakage
    from lapwise.gates.rules.g002_better import Better
    from lapwise.gates.rules.g003_no_worse import NoWorse
    from lapwise.gates.rules.g004_floor import Floor
    from lapwise.gates.rules.g005_gap import Gap
    from lapwise.gates.rules.g006_latency import Latency
    from lapwise.gates.rules.g007_reproducible import Reproducible

__all__ = [
    "METRICS",
    "Better",
    "Decision",
    "Floor",
    "Gap",
    "Gate",
    "Latency",
    "Metric",
    "Need",
    "NoLeakage",
    "NoWorse",
    "Reproducible",
    "decide",
    "find_metric",
    "judge",
    "measure_metric",
    "to_json",
    "to_markdown",
    "to_table",
]

_HOMES = {
    "METRICS": "metrics",
    "Better": "rules.g002_better",
    "Decision": "judgement",
    "Floor": "rules.g004_floor",
    "Gap": "rules.g005_gap",
    "Gate": "model",
    "Latency": "rules.g006_latency",
    "Metric": "metrics",
    "Need": "model",
    "NoLeakage": "rules.g001_no_leakage",
    "NoWorse": "rules.g003_no_worse",
    "Reproducible": "rules.g007_reproducible",
    "decide": "judgement",
    "find_metric": "metrics",
    "judge": "judgement",
    "measure_metric": "judgement",
    "to_json": "report",
    "to_markdown": "report",
    "to_table": "report",
}


def __getattr__(name: str) -> object:
    """Import the module of a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lapwise.gates' has no attribute {name!r}")
    return getattr(import_module(f"lapwise.gates.{_HOMES[name]}"), name)
