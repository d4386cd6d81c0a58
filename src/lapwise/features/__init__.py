"""Feature views, on-demand features and the point-in-time frame.

Names are loaded when they are asked for, so that declaring a page loads nothing that computes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.features.definition import definition_digest, keep_definition, load_definition
    from lapwise.features.expressions.demand import OnDemand, on_demand
    from lapwise.features.expressions.proof import prove_elementwise
    from lapwise.features.frame import build_frame, compute, feature_names, read_frame
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
    from lapwise.features.offline.join import point_in_time
    from lapwise.features.offline.sink import sink_point_in_time
    from lapwise.features.online.lookup import OnlineLookup
    from lapwise.features.online.state import ViewStats
    from lapwise.features.online.store import Materialized, OnlineStore, Pushed
    from lapwise.features.proving.parity import Difference, Parity, compare

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
    "Difference": "proving.parity",
    "Materialized": "online.store",
    "OnDemand": "expressions.demand",
    "OnlineLookup": "online.lookup",
    "OnlineStore": "online.store",
    "Parity": "proving.parity",
    "Pushed": "online.store",
    "ViewStats": "online.state",
    "build_frame": "frame",
    "compare": "proving.parity",
    "compute": "frame",
    "definition_digest": "definition",
    "feature_names": "frame",
    "keep_definition": "definition",
    "load_definition": "definition",
    "on_demand": "expressions.demand",
    "point_in_time": "offline.join",
    "prove_elementwise": "expressions.proof",
    "read_frame": "frame",
    "sink_point_in_time": "offline.sink",
}


def __getattr__(name: str) -> object:
    """Load a public name from its file."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_ELSEWHERE.get(name, 'model')}")
    return getattr(module, name)
