"""Scores of a fitted scikit-learn estimator in the one shape that Lapwise uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lapwise.core.errors import ModelError

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.evidence import Task

__all__ = ["check_fits", "classes_of", "raw_scores", "shaped"]


def raw_scores(model: Any, inputs: pl.DataFrame, *, task: Task) -> Any:
    """Return what the estimator gives for normalised rows; its exceptions pass through."""
    # An estimator fitted on a bare matrix warns when it is shown names.
    rows = inputs if hasattr(model, "feature_names_in_") else inputs.to_numpy()
    return model.predict(rows) if task == "regression" else model.predict_proba(rows)


def shaped(scores: Any, *, task: Task, rows: int) -> Any:
    """Return scores as float64: (rows,) for binary and regression, (rows, classes) for multiclass.

    Raises:
        ModelError: the shape is not that of the task, or scores are NaN or infinite.
    """
    import numpy as np

    scores = np.asarray(scores, dtype=np.float64)
    if task == "binary":
        if scores.ndim != 2 or scores.shape[1] != 2:
            raise _misshapen(scores.shape, "(rows, 2) probabilities")
        scores = scores[:, 1]
    elif task == "regression":
        scores = scores.reshape(rows, -1)
        if scores.shape[1] != 1:
            raise _misshapen(scores.shape, "one value a row")
        scores = scores[:, 0]
    elif scores.ndim != 2:
        raise _misshapen(scores.shape, "(rows, classes) probabilities")
    wrong = int(np.count_nonzero(~np.isfinite(scores)))
    if wrong:
        raise ModelError(
            "the model gave scores that are not numbers",
            value=f"{wrong} of {scores.size}",
            expected="finite scores",
            fix="let the model take missing values: a SimpleImputer, or HistGradientBoosting",
        )
    return scores


def classes_of(model: Any, *, task: Task, declared: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of a classifier's classes in the order of its columns.

    Raises:
        ModelError: it has none, or not those that were declared, or not as many as the task.
    """
    if task == "regression":
        return ()
    if not hasattr(model, "predict_proba") or not hasattr(model, "classes_"):
        raise ModelError(
            f"a {type(model).__name__} gives no probabilities",
            expected="predict_proba",
            fix="wrap it in CalibratedClassifierCV, or choose a classifier that has it",
        )
    classes = tuple(str(one) for one in model.classes_)
    if (task == "binary") != (len(classes) == 2):
        raise ModelError(
            f"a {task} model has the wrong number of classes",
            value=classes,
            expected="two" if task == "binary" else "three or more",
            fix="check the label's values in the training rows",
        )
    if declared and declared != classes:
        raise ModelError(
            "the model's classes are not those of the page",
            value=classes,
            expected=str(declared),
            fix="the training rows may lack a class",
        )
    return classes


def check_fits(model: Any, inputs: pl.DataFrame) -> None:
    """Check that the estimator was fitted on these columns in this order.

    Raises:
        ModelError: it was fitted on others.
    """
    names = getattr(model, "feature_names_in_", None)
    fitted = inputs.columns if names is None else [str(name) for name in names]
    width = getattr(model, "n_features_in_", len(fitted))
    if fitted != inputs.columns or width != inputs.width:
        raise ModelError(
            "the model was fitted on other columns than it is given",
            value=inputs.columns,
            expected=f"{width} columns: {', '.join(fitted)}",
            fix="fit it on the frame that train() was given, as it is",
        )


def _misshapen(shape: tuple[int, ...], expected: str) -> ModelError:
    return ModelError(
        "the model gave scores of the wrong shape",
        value=shape,
        expected=expected,
        fix="check that the page's label fits the model",
    )
