"""XGBoost: ``xgboost.train``, by itself or inside its scikit-learn classes."""

from __future__ import annotations

import functools
import inspect
import sys
from types import ModuleType
from typing import Any

from lapwise.tracking.autolog.boosting import Trained, observe, replace_function
from lapwise.tracking.autolog.patches import Patches
from lapwise.tracking.autolog.recording import Recording

__all__ = ["MODULE", "patch"]

MODULE = "xgboost.training"


def patch(training: ModuleType, patches: Patches) -> None:
    """Watch ``train`` under every name that the library has for it."""
    train = training.train

    @functools.wraps(train)
    def watched(*args: Any, **kwargs: Any) -> Any:
        return observe(train, args, kwargs, _XGBOOST)

    replace_function("xgboost", "train", train, watched, patches)


def _follow(bound: inspect.BoundArguments, recording: Recording) -> None:
    """Put a callback before all others: one that stops the training keeps later ones from running."""
    callback: Any = sys.modules["xgboost.callback"].TrainingCallback

    class Following(callback):  # type: ignore[misc]
        """Logs what was evaluated in each iteration."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            """Log the newest values; never stop."""
            recording.describe(functools.partial(_newest, epoch=epoch, evals_log=evals_log))
            return False

    bound.arguments["callbacks"] = [Following(), *(bound.arguments.get("callbacks") or ())]


def _newest(recording: Recording, *, epoch: int, evals_log: Any) -> None:
    found = {}
    for dataset, metrics in evals_log.items():
        for name, values in metrics.items():
            last = values[-1]
            found[f"{dataset}_{name}"] = float(last[0] if isinstance(last, tuple) else last)
    if found:
        recording.metrics(found, epoch)


def _describe(recording: Recording, booster: Any) -> None:
    found = {"trees": float(booster.num_boosted_rounds())}
    best = booster.attr("best_iteration")
    if best is not None:  # there was early stopping
        found |= {"best_iteration": float(best), "best_score": float(booster.attr("best_score"))}
    recording.metrics(found)
    gains = booster.get_score(importance_type="gain")
    splits = booster.get_score(importance_type="weight")
    names = sorted(gains, key=lambda name: -_first(gains[name]))
    recording.table(
        "feature_importance.csv",
        {
            "feature": names,
            "gain": [_first(gains[name]) for name in names],
            "splits": [_first(splits.get(name, 0.0)) for name in names],
        },
    )


def _first(value: Any) -> float:
    """Return a number; a linear booster has one for each class, of which the first is taken."""
    return float(value[0] if isinstance(value, list) else value)


def _shape(bound: inspect.BoundArguments) -> tuple[int, ...]:
    data = bound.arguments["dtrain"]
    return int(data.num_row()), int(data.num_col())


_XGBOOST = Trained(library="xgboost", follow=_follow, describe=_describe, shape=_shape)
