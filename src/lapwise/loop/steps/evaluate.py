"""Score: what each model says about the validation and test rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from lapwise.core.ids import new_id
from lapwise.core.model import Lineage, ModelVersion
from lapwise.loop.steps.fit import fit
from lapwise.loop.steps.parts import task_of, training_frame
from lapwise.loop.steps.threads import limited
from lapwise.registry import load, model_inputs, package
from lapwise.registry.formats.estimator import raw_scores, shaped

if TYPE_CHECKING:
    from lapwise.core.digest import Digest
    from lapwise.core.protocols import Progress
    from lapwise.loop.steps.parts import Rows
    from lapwise.registry import Packaged
    from lapwise.store.model import Store

__all__ = ["draft", "package_model", "score_baseline", "score_version"]


def package_model(
    model: object,
    of: Sequence[Digest],  # noqa: ARG001 - part of the key: it names the rows
    features: Sequence[str],
    trusted: Sequence[str],
    *,
    rows: Rows,
    store: Store,
    progress: Progress,
) -> Packaged:
    """Package the candidate, with parity proven on the validation rows."""
    validation = rows().filter(pl.col("part") == "validation")
    return package(
        model,
        inputs=model_inputs(validation, features),
        task=task_of(validation["label"]),
        store=store,
        trusted=tuple(trusted),
        progress=progress,
    )


def score_version(
    digest: Digest,  # noqa: ARG001 - part of the key, with serving: they name the version
    serving: str,  # noqa: ARG001
    of: Sequence[Digest],  # noqa: ARG001 - part of the key: it names the rows
    row: str,
    *,
    version: ModelVersion,
    rows: Rows,
    store: Store,
) -> pl.DataFrame:
    """Return ``row``, ``part`` and ``score`` of a packaged model, on validation and test."""
    judged = rows().filter(pl.col("part") != "train")
    return _scored(judged, load(version, store.blobs).predict(judged), row=row)


def score_baseline(
    function: Callable[..., Any],
    of: Sequence[Digest],  # noqa: ARG001 - part of the key: it names the rows
    inputs: Sequence[str],
    seed: int,
    row: str,
    *,
    rows: Rows,
    threads: int = 0,
) -> pl.DataFrame:
    """Train the baseline on the plain inputs and score with it, as :func:`score_version`."""
    known = rows()
    train = training_frame(known, "train", inputs, row=row)
    validation = training_frame(known, "validation", inputs, row=row)
    with limited(threads):
        model = fit(function, train=train, validation=validation, params={}, seed=seed)
    judged = known.filter(pl.col("part") != "train")
    task = task_of(known["label"])
    scores = raw_scores(model, model_inputs(judged, inputs), task=task)
    return _scored(judged, shaped(scores, task=task, rows=judged.height), row=row)


def draft(model: str, packaged: Packaged) -> ModelVersion:
    """Return a packaged model as a version that is not registered yet, so that it can be loaded."""
    return ModelVersion(
        id=f"draft-{new_id()}",
        model=model,
        number=0,
        digest=packaged.digest,
        format=packaged.format,
        serving=packaged.serving,
        parity=packaged.parity,
        artifacts=packaged.artifacts,
        signature=packaged.signature,
        lineage=Lineage(),
        task=packaged.task,
        classes=packaged.classes,
        created=0,
        trusted=packaged.trusted,
    )


def _scored(judged: pl.DataFrame, scores: Any, *, row: str) -> pl.DataFrame:
    kind = pl.Float64 if scores.ndim == 1 else pl.Array(pl.Float64, scores.shape[1])
    return judged.select(row, "part").with_columns(pl.Series("score", scores, dtype=kind))
