"""Walk from an answer back to everything that it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import polars as pl

from lapwise.core.clock import format_time
from lapwise.core.errors import NotFoundError
from lapwise.loop.logged import Logged, find_logged
from lapwise.loop.recipe import read_recipe
from lapwise.loop.score import SCORING, Scoring
from lapwise.registry import TraceLine, trace_version

if TYPE_CHECKING:
    from lapwise.core.model import ModelVersion
    from lapwise.store.model import Store

__all__ = ["trace"]

_PREFIX = 16


def trace(store: Store, live: Path, reference: str) -> tuple[TraceLine, ...]:
    """Return the walk from a prediction, or from a model version.

    Args:
        store: where everything is.
        live: the project's folder of what answers, with the prediction logs.
        reference: a ``prediction_id``, of a served answer or of a batch, or a version as
            ``model@v3``.

    Raises:
        NotFoundError: there is no such prediction or version.
    """
    found = find_logged(live, reference)
    if found is not None:
        version = store.models.get(found.answer.version)
        return (*_served(version, reference, found), *trace_version(store, version))
    batch, dot, place = reference.partition(".")
    if dot and place.isdecimal() and len(batch) == _PREFIX:
        return _from_prediction(store, reference, batch, int(place))
    return trace_version(store, store.models.get(reference))


def _served(version: ModelVersion, reference: str, found: Logged) -> tuple[TraceLine, ...]:
    entry = found.entry
    decision = ""
    if version.threshold is not None and isinstance(found.score, float):
        decision = f"  decision={found.score >= version.threshold}"
    lines = [
        TraceLine(
            what="prediction", text=f"score={_short(found.score)}{decision}", identity=reference
        ),
        TraceLine(
            what="answered",
            text=f"at {format_time(entry.at)} by {found.answer.arm}, in {entry.microseconds} µs,"
            f" under deployment {entry.revision}",
        ),
        TraceLine(what="request", text=_named(found.inputs), identity=entry.request),
        TraceLine(
            what="features",
            text=_named({k: v for k, v in found.features.items() if k not in found.inputs}),
            identity="looked up" if entry.looked_up else "given by the caller",
        ),
    ]
    if found.labelled_at is not None:
        text = f"{_short(found.label)}, known at {format_time(found.labelled_at)}"
        lines.append(TraceLine(what="label", text=text))
    return tuple(lines)


def _named(values: Mapping[str, object]) -> str:
    return "  ".join(f"{name}={_short(value)}" for name, value in values.items())


def _from_prediction(store: Store, reference: str, batch: str, place: int) -> tuple[TraceLine, ...]:
    digest = next((one for one in store.records.digests(SCORING) if one.startswith(batch)), None)
    if digest is None:
        raise NotFoundError(
            "there is no such prediction",
            value=reference,
            expected="a prediction_id that `lapwise score` wrote",
            fix="lapwise score MODEL IN OUT",
        )
    scoring = cast("Scoring", store.records.get(SCORING, digest, Scoring))
    if place >= scoring.count:
        raise NotFoundError(
            "that batch has fewer rows", value=reference, expected=f"0 to {scoring.count - 1}"
        )
    version = store.models.get(scoring.version)
    row = pl.scan_parquet(store.blobs.path(scoring.rows), glob=False).slice(place, 1).collect()
    return (*_answer(version, row, reference, scoring, store), *trace_version(store, version))


def _answer(
    version: ModelVersion, row: pl.DataFrame, reference: str, scoring: Scoring, store: Store
) -> tuple[TraceLine, ...]:
    values = row.row(0, named=True)
    recipe = read_recipe(version.lineage.recipe or "", store.records)
    inputs = {recipe.row, recipe.time, *(column.name for column in recipe.inputs)}
    answers = {name for name in values if name == "decision" or name.startswith("score")}
    shown = [name for name in row.columns if name not in inputs | answers]
    return (
        TraceLine(
            what="prediction",
            text="  ".join(
                f"{name}={_short(values[name])}" for name in row.columns if name in answers
            ),
            identity=reference,
        ),
        TraceLine(
            what="request",
            text="  ".join(
                f"{name}={_short(values[name])}" for name in row.columns if name in inputs
            ),
        ),
        TraceLine(
            what="features",
            text="  ".join(f"{name}={_short(values[name])}" for name in shown),
            identity=scoring.rows,
        ),
        *(
            TraceLine(
                what="read from",
                text=f"{part.name}  as known at {format_time(scoring.as_of)}",
                identity=part.digest,
            )
            for part in scoring.datasets
        ),
    )


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
