"""LightGBM: ``lightgbm.train``, by itself or inside its scikit-learn classes."""

from __future__ import annotations

import functools
import inspect
from types import ModuleType
from typing import Any

from lapwise.tracking.autolog.boosting import Trained, observe, replace_function
from lapwise.tracking.autolog.patches import Patches
from lapwise.tracking.autolog.recording import Recording

__all__ = ["MODULE", "patch"]

MODULE = "lightgbm.engine"

_BEFORE_EARLY_STOPPING = 25  # callbacks run by this order; LightGBM's early stopping has 30


def patch(engine: ModuleType, patches: Patches) -> None:
    """Watch ``train`` under every name that the library has for it."""
    train = engine.train

    @functools.wraps(train)
    def watched(*args: Any, **kwargs: Any) -> Any:
        return observe(train, args, kwargs, _LIGHTGBM)

    replace_function("lightgbm", "train", train, watched, patches)


def _follow(bound: inspect.BoundArguments, recording: Recording) -> None:
    """Add a callback that logs what was evaluated in each iteration."""

    def callback(env: Any) -> None:
        recording.describe(functools.partial(_newest, env=env))

    named: Any = callback
    named.order = _BEFORE_EARLY_STOPPING
    named.before_iteration = False
    bound.arguments["callbacks"] = [*(bound.arguments.get("callbacks") or ()), callback]


def _newest(recording: Recording, *, env: Any) -> None:
    found = {f"{one[0]}_{one[1]}": float(one[2]) for one in env.evaluation_result_list or ()}
    if found:
        recording.metrics(found, env.iteration)


def _describe(recording: Recording, booster: Any) -> None:
    found = {"best_iteration": float(booster.best_iteration)} if booster.best_iteration > 0 else {}
    for dataset, scores in (booster.best_score or {}).items():
        found |= {f"best_{dataset}_{name}": float(value) for name, value in scores.items()}
    recording.metrics({**found, "trees": float(booster.num_trees())})
    recording.table(
        "feature_importance.csv",
        {
            "feature": booster.feature_name(),
            "gain": [float(one) for one in booster.feature_importance("gain")],
            "splits": [int(one) for one in booster.feature_importance("split")],
        },
    )


def _shape(bound: inspect.BoundArguments) -> tuple[int, ...]:
    data = bound.arguments["train_set"]
    return int(data.num_data()), int(data.num_feature())


_LIGHTGBM = Trained(library="lightgbm", follow=_follow, describe=_describe, shape=_shape)
