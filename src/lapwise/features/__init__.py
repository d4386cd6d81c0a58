"""Feature views, on-demand features and the point-in-time frame.

Names are loaded when they are asked for, so that declaring a page loads nothing that computes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.features.definition import definition_digest, keep_definition, load_definition
    from lapwise.features.demand import OnDemand, on_demand
    from lapwise.features.frame import build_frame, compute, feature_names, read_frame
    from lapwise.features.join import point_in_time
    from lapwise.features.lookup import OnlineLookup
    from lapwise.features.model import (
        Aggregate,
        FeatureView,
        ViewDefinition,
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
        view_definition,
        view_digest,
    )
    from lapwise.features.online import Materialized, OnlineStore, Pushed
    from lapwise.features.parity import Difference, Parity, compare
    from lapwise.features.proof import prove_elementwise
    from lapwise.features.sink import sink_point_in_time
    from lapwise.features.state import ViewStats

__all__ = [
    "Aggregate",
    "Difference",
    "FeatureView",
    "Materialized",
    "OnDemand",
    "OnlineLookup",
    "OnlineStore",
    "Parity",
    "Pushed",
    "ViewDefinition",
    "ViewStats",
    "build_frame",
    "compare",
    "compute",
    "count",
    "definition_digest",
    "distinct",
    "feature_names",
    "first",
    "keep_definition",
    "last",
    "last_n",
    "load_definition",
    "max",
    "mean",
    "min",
    "on_demand",
    "point_in_time",
    "prove_elementwise",
    "rate",
    "read_frame",
    "sink_point_in_time",
    "std",
    "sum",
    "view_definition",
    "view_digest",
]

_ELSEWHERE = {
    "Difference": "parity",
    "Materialized": "online",
    "OnDemand": "demand",
    "OnlineLookup": "lookup",
    "OnlineStore": "online",
    "Parity": "parity",
    "Pushed": "online",
    "ViewStats": "state",
    "build_frame": "frame",
    "compare": "parity",
    "compute": "frame",
    "definition_digest": "definition",
    "feature_names": "frame",
    "keep_definition": "definition",
    "load_definition": "definition",
    "on_demand": "demand",
    "point_in_time": "join",
    "prove_elementwise": "proof",
    "read_frame": "frame",
    "sink_point_in_time": "sink",
}


def __getattr__(name: str) -> object:
    """Load a public name from its file."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_ELSEWHERE.get(name, 'model')}")
    return getattr(module, name)
