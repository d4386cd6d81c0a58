"""Train: give the user's function what it asks for, inside a tracked run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lapwise.core.errors import StepError
from lapwise.loop.model import Params
from lapwise.loop.steps.parts import training_frame
from lapwise.loop.steps.threads import limited, threads_in_use
from lapwise.tracking import start_run

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lapwise.core.digest import Digest
    from lapwise.core.model import KeyPart, Scalar
    from lapwise.loop.model import Frame, Threshold
    from lapwise.loop.steps.parts import Rows
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
    of: Sequence[Digest],  # noqa: ARG001 - part of the key: it names the rows
    function: Callable[..., Any],
    params: Mapping[str, Scalar],
    seed: int,
    features: Sequence[str],
    row: str,
    decide: Threshold | None,  # noqa: ARG001 - part of the key: one version, one threshold
    *,
    rows: Rows,
    threads: int = 0,
) -> tuple[object, int]:
    """Return the model that the page trains on these examples, and with how many threads it did.

    Args:
        of: names the rows: the digests of examples, split and features.
        function: the page's training function.
        params: its parameters.
        seed: its seed.
        features: the columns that it sees.
        row: the column that names an example.
        decide: how a score becomes a decision.
        rows: the rows in parts, with features.
        threads: how many threads numerical libraries may use; 0: as many as they will.
    """
    known = rows()
    with limited(threads):
        model = fit(
            function,
            train=training_frame(known, "train", features, row=row),
            validation=training_frame(known, "validation", features, row=row),
            params=params,
            seed=seed,
        )
        return model, threads or threads_in_use()


def train_in_run(
    of: Sequence[Digest],
    function: Callable[..., Any],
    params: Mapping[str, Scalar],
    seed: int,
    features: Sequence[str],
    row: str,
    decide: Threshold | None,
    *,
    rows: Rows,
    threads: int = 0,
    experiment: str,
    lap: str,
    datasets: tuple[KeyPart, ...],
    split: Digest,
    frame: Digest,
    code: Digest,
    store: Store,
    root: Path,
) -> tuple[object, str, int]:
    """Train as :func:`train_again`, in a run of its own; return the model, the run's id, threads.

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
        split=split,
        frame=frame,
        code=code,
    ) as run:
        model, used = train_again(
            of, function, params, seed, features, row, decide, rows=rows, threads=threads
        )
    return model, run.id, used
