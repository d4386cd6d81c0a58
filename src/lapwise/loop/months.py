"""How good the answers were, month by month, beside the first model left alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from lapwise.core.errors import GateError
from lapwise.core.evidence import Evidence
from lapwise.core.model import Record
from lapwise.gates import measure_metric
from lapwise.registry import load

if TYPE_CHECKING:
    from lapwise.core.model import ModelVersion
    from lapwise.store.model import Blobs

__all__ = ["Month", "by_month"]


class Month(Record, frozen=True, kw_only=True):
    """One month by time of prediction; the first model scored the same logged vectors.

    ``auc`` is the area under the ROC curve, ``log_loss`` is in nats. All are over the predictions
    whose label is known; ``rows`` counts all.
    """

    month: str
    rows: int
    labelled: int
    base_rate: float
    auc: float
    auc_first_model: float
    log_loss: float
    log_loss_first_model: float


def by_month(
    predictions: pl.DataFrame, labels: pl.DataFrame, first: ModelVersion, blobs: Blobs
) -> tuple[Month, ...]:
    """Measure every month of a log.

    Args:
        predictions: what the log's frame has, one row a prediction.
        labels: ``row`` and a Boolean ``label``, null where it never came.
        first: the version that is left alone.
        blobs: where its files are.
    """
    inputs = predictions.select(
        pl.col(f"feature:{column.name}").alias(column.name) for column in first.signature.inputs
    )
    scored = predictions.with_columns(first=pl.Series(load(first, blobs).predict(inputs)))
    joined = scored.select(
        pl.from_epoch("at", "us").dt.strftime("%Y-%m").alias("month"), "row", "score", "first"
    ).join(labels, on="row", how="left", maintain_order="left")
    return tuple(
        _month(str(name), rows) for (name,), rows in joined.group_by("month", maintain_order=True)
    )


def _month(name: str, rows: pl.DataFrame) -> Month:
    known = rows.drop_nulls("label")
    label = known["label"].to_numpy()
    evidence = Evidence(
        task="binary",
        labels=label,
        scores={"loop": known["score"].to_numpy(), "first": known["first"].to_numpy()},
        blocks=np.zeros(len(label), np.int64),
    )
    return Month(
        month=name,
        rows=rows.height,
        labelled=known.height,
        base_rate=float(label.mean()) if len(label) else math.nan,
        auc=_measured("roc_auc", evidence, "loop"),
        auc_first_model=_measured("roc_auc", evidence, "first"),
        log_loss=_measured("log_loss", evidence, "loop"),
        log_loss_first_model=_measured("log_loss", evidence, "first"),
    )


def _measured(metric: str, evidence: Evidence, who: str) -> float:
    """Return a metric, NaN where there is nothing to measure (no label yet, or one class only)."""
    try:
        return measure_metric(metric, evidence, who)
    except GateError:
        return math.nan
