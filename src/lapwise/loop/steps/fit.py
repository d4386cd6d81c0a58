"""Train: give the user's function what it asks for, inside a tracked run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lapwise.core.errors import StepError
from lapwise.loop.model import Params
from lapwise.loop.steps.parts import in_parts, training_frame
from lapwise.tracking import start_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import polars as pl

    from lapwise.core.digest import Digest
    from lapwise.core.model import FeatureFrame, KeyPart, Scalar, Split
    from lapwise.loop.model import Frame, Threshold
    from lapwise.store.model import Store

__all__ = ["fit", "train_again", "train_in_run"]


def fit(
    function: Callable[..., Any],
    *,
    train: Frame,
    validation: Frame,
    params: Mapping[str, Scalar],
    seed: int,
) -> object:
    """Return what the user's training function returns, given the arguments that it names.

    Raises:
        StepError: it returned something that cannot predict.
    """
    offered = {
        "train": train,
        "validation": validation,
        "params": Params(params),
        "seed": seed,
    }
    wanted = inspect.signature(function).parameters
    model = function(**{name: value for name, value in offered.items() if name in wanted})
    if not hasattr(model, "predict"):
        raise StepError(
            f"{function.__name__} returned something that cannot predict",
            value=type(model).__name__,
            expected="a fitted scikit-learn estimator",
            fix="end the function with `return model`",
        )
    return model


def train_again(
    examples: pl.DataFrame,
    split: Split,
    frame: FeatureFrame,
    function: Callable[..., Any],
    params: Mapping[str, Scalar],
    seed: int,
    features: Sequence[str],
    row: str,
    decide: Threshold | None,  # noqa: ARG001 - part of the key: one version, one threshold
    *,
    store: Store,
) -> object:
    """Return the model that the page trains on these examples."""
    rows = in_parts(examples, split, frame, row=row, store=store)
    return fit(
        function,
        train=training_frame(rows, "train", features, row=row),
        validation=training_frame(rows, "validation", features, row=row),
        params=params,
        seed=seed,
    )


def train_in_run(
    examples: pl.DataFrame,
    split: Split,
    frame: FeatureFrame,
    function: Callable[..., Any],
    params: Mapping[str, Scalar],
    seed: int,
    features: Sequence[str],
    row: str,
    decide: Threshold | None,
    *,
    experiment: str,
    lap: str,
    datasets: tuple[KeyPart, ...],
    code: Digest,
    store: Store,
    root: Path,
) -> tuple[object, str]:
    """Train as :func:`train_again`, in a run of its own; return the model and the run's id.

    What comes after ``*`` says where it is recorded, and cannot change the model.
    """
    with start_run(
        experiment,
        store=store,
        root=root,
        params=params,
        seed=seed,
        lap=lap,
        datasets=datasets,
        split=split.digest,
        frame=frame.digest,
        code=code,
    ) as run:
        model = train_again(
            examples, split, frame, function, params, seed, features, row, decide, store=store
        )
    return model, run.id
