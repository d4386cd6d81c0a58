"""Lapwise: declare a whole ML product on one page, and go round its loop.

>>> import lapwise as lw
>>> lw.Table("weather", "weather/*.parquet", key="station", event="observed_at").key
('station',)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapwise import gates, monitors, triggers
    from lapwise.core.declaration import Table
    from lapwise.core.errors import LapwiseError
    from lapwise.data import Examples, GroupSplit, KeySplit, Label, TimeSplit
    from lapwise.features import on_demand
    from lapwise.features.model import (
        FeatureView,
        count,
        distinct,
        first,
        last,
        last_n,
        max,
        mean,
        min,
        rate,
        std,
        sum,
    )
    from lapwise.loop.autologging import autolog
    from lapwise.loop.joining import point_in_time
    from lapwise.loop.model import Frame, Loop, Params, Threshold
    from lapwise.loop.notebook import join_run, start_run
    from lapwise.loop.search import compare, search_runs
    from lapwise.pipeline import pipeline, step
    from lapwise.rollout import Pairs, Rollout
    from lapwise.tracking.autolog import TorchCallback

_HOMES = {
    "Examples": "data",
    "FeatureView": "features",
    "Frame": "loop.model",
    "GroupSplit": "data",
    "KeySplit": "data",
    "Label": "data",
    "LapwiseError": "core.errors",
    "Loop": "loop.model",
    "Pairs": "rollout",
    "Params": "loop.model",
    "Rollout": "rollout",
    "Table": "core.declaration",
    "Threshold": "loop.model",
    "TimeSplit": "data",
    "TorchCallback": "tracking.autolog",
    "autolog": "loop.autologging",
    "compare": "loop.search",
    "count": "features",
    "distinct": "features",
    "first": "features",
    "join_run": "loop.notebook",
    "last": "features",
    "last_n": "features",
    "max": "features",
    "mean": "features",
    "min": "features",
    "on_demand": "features",
    "pipeline": "pipeline",
    "point_in_time": "loop.joining",
    "rate": "features",
    "search_runs": "loop.search",
    "start_run": "loop.notebook",
    "std": "features",
    "step": "pipeline",
    "sum": "features",
}
_MODULES = ("gates", "monitors", "triggers")

__version__ = "0.1.0"
__all__ = [
    "Examples",
    "FeatureView",
    "Frame",
    "GroupSplit",
    "KeySplit",
    "Label",
    "LapwiseError",
    "Loop",
    "Pairs",
    "Params",
    "Rollout",
    "Table",
    "Threshold",
    "TimeSplit",
    "TorchCallback",
    "autolog",
    "compare",
    "count",
    "distinct",
    "first",
    "gates",
    "join_run",
    "last",
    "last_n",
    "max",
    "mean",
    "min",
    "monitors",
    "on_demand",
    "pipeline",
    "point_in_time",
    "rate",
    "search_runs",
    "start_run",
    "std",
    "step",
    "sum",
    "triggers",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its room when it is first asked for."""
    if name in _HOMES:
        value = getattr(import_module(f"lapwise.{_HOMES[name]}"), name)
    elif name in _MODULES:
        value = import_module(f"lapwise.{name}")
    else:
        raise AttributeError(f"module 'lapwise' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return [*__all__, "__version__"]
