"""scikit-learn: every estimator that predicts, and those of other libraries that derive from it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial, wraps
from types import FunctionType, ModuleType
from typing import Any

from lapwise.core.clock import MachineClock
from lapwise.tracking.autolog.params import params_of, said
from lapwise.tracking.autolog.patches import Patches
from lapwise.tracking.autolog.recording import Recording, begin, inside

__all__ = ["MODULE", "patch"]

MODULE = "sklearn.base"

_METHODS = ("fit", "fit_predict")
_SCORED = 10_000_000
"""Values (rows by columns) up to which a training score may be taken."""

_SCORING = 1.0
"""Seconds that a training score may take, judged by its first rows."""

_CANDIDATES = 10_000
_POINTS = 10_000

# What estimators remember of their training, by iteration.
_CURVES = {
    "loss_curve_": "loss",
    "validation_scores_": "validation_score",
    "train_score_": "training_loss",
    "validation_score_": "validation_score",
}
_NUMBERS = {"best_score_": "best_score", "refit_time_": "refit_seconds", "inertia_": "inertia"}


def patch(base: ModuleType, patches: Patches) -> None:
    """Watch every estimator there is, and every one that is defined from now on."""
    root: Any = base.BaseEstimator

    def defined(cls: Any, /, **named: Any) -> None:
        super(root, cls).__init_subclass__(**named)
        _watch(cls, patches)

    patches.set(root, "__init_subclass__", classmethod(defined))
    for cls in _descendants(root):
        _watch(cls, patches)


def _descendants(root: type) -> Iterator[type]:
    seen = {root}
    waiting = [root]
    cls: type
    while waiting:
        for cls in type.__subclasses__(waiting.pop()):
            if cls not in seen:
                seen.add(cls)
                waiting.append(cls)
                yield cls


def _watch(cls: type, patches: Patches) -> None:
    for name in _METHODS:
        method = vars(cls).get(name)
        if isinstance(method, FunctionType) and not hasattr(method, "_lapwise"):
            patches.set(cls, name, _watched(method))


def _watched(fit: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method of the same name, signature and documentation.

    It holds nothing but the method: a class of a notebook travels to worker processes by value,
    and its methods with it.
    """

    @wraps(fit)
    def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _observe(fit, self, args, kwargs)

    watched._lapwise = True  # type: ignore[attr-defined]  # noqa: SLF001 - our own mark
    return watched


def _observe(
    fit: Callable[..., Any], estimator: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    recording = begin(estimator) if _predicts(estimator) else None
    if recording is None:
        with inside(estimator):
            return fit(estimator, *args, **kwargs)
    now = MachineClock().monotonic
    with recording:
        recording.describe(partial(_before, estimator=estimator, args=args, kwargs=kwargs))
        started = now()
        result = fit(estimator, *args, **kwargs)
        recording.metrics({"fit_seconds": now() - started})
        recording.describe(
            partial(_numbers, estimator=estimator),
            partial(_curves, estimator=estimator),
            partial(_search, estimator=estimator),
            partial(_score, estimator=estimator, args=args, kwargs=kwargs),
        )
    return result


def _predicts(estimator: Any) -> bool:
    """Return whether it is a model; what only transforms is a part of one."""
    try:
        return hasattr(estimator, "predict") or hasattr(estimator, "fit_predict")
    except Exception:  # noqa: BLE001 - a property of the user's, never into training
        return False


def _before(
    recording: Recording, *, estimator: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    cls = type(estimator)
    recording.tags({"model.class": f"{cls.__module__}.{cls.__qualname__}"})
    recording.params(params_of(estimator.get_params(deep=True)))
    shape = _shape(args[0] if args else kwargs.get("X"))
    recording.params(dict(zip(("data.rows", "data.columns"), shape, strict=False)))


def _shape(table: Any) -> tuple[int, ...]:
    shape = getattr(table, "shape", None)
    if shape is not None:
        return tuple(int(one) for one in shape[:2])
    return (len(table),) if hasattr(table, "__len__") else ()


def _numbers(recording: Recording, *, estimator: Any) -> None:
    found = vars(estimator)
    named = {_NUMBERS[name]: found[name] for name in _NUMBERS if name in found}
    recording.metrics({name: float(value) for name, value in named.items() if value is not None})


def _curves(recording: Recording, *, estimator: Any) -> None:
    for attribute, name in _CURVES.items():
        values: Any = vars(estimator).get(attribute)
        if isinstance(values, list) or getattr(values, "ndim", 0) == 1:
            for step, value in enumerate(values[:_POINTS]):
                recording.metrics({name: float(value)}, step)


def _search(recording: Recording, *, estimator: Any) -> None:
    """Log the candidates of a search as one table, and the best one's parameters."""
    results = vars(estimator).get("cv_results_")
    if not isinstance(results, Mapping):
        return
    best = vars(estimator).get("best_params_") or {}
    recording.params({f"best.{name}": value for name, value in params_of(best).items()})
    columns = {
        name: [said(value) for value in list(values)[:_CANDIDATES]]
        for name, values in results.items()
        if name != "params"
    }
    recording.metrics({"candidates": float(max(map(len, columns.values()), default=0))})
    recording.table("cv_results.csv", columns)


def _score(
    recording: Recording, *, estimator: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """Log the score on what it was trained with, where that is cheap.

    NumPy's global generator stands afterwards where it stood, so that what comes next is the same.
    """
    rows: Any = args[0] if args else kwargs.get("X")
    labels = args[1] if len(args) > 1 else kwargs.get("y")
    size = getattr(rows, "size", None)
    cheap = isinstance(size, int) and size <= _SCORED and hasattr(rows, "shape")
    if labels is None or not cheap or hasattr(estimator, "cv_results_"):
        return
    random = sys.modules["numpy"].random
    state = random.get_state()
    try:
        now = MachineClock().monotonic
        few = slice(0, 200)
        started = now()
        estimator.predict(rows[few] if not hasattr(rows, "iloc") else rows.iloc[few])
        if (now() - started) * rows.shape[0] / 200 > _SCORING:
            return
        recording.metrics({"training_score": float(estimator.score(rows, labels))})
    finally:
        random.set_state(state)
