"""Put examples, split and features together: the labelled rows of each part."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from lapwise.core.errors import DataError
from lapwise.data import assignment
from lapwise.features import read_frame
from lapwise.loop.model import Frame
from lapwise.registry import model_inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lapwise.core.evidence import Task
    from lapwise.core.model import FeatureFrame, Split
    from lapwise.store.model import Store

__all__ = ["Rows", "in_parts", "task_of", "training_frame"]

Rows: TypeAlias = Callable[[], pl.DataFrame]
"""Gives what :func:`in_parts` gave for one lap, without reading and joining it again. A step takes
it beside the digests of the three results that it comes from, which are in the step's key."""


def in_parts(
    examples: pl.DataFrame, split: Split, frame: FeatureFrame, *, row: str, store: Store
) -> pl.DataFrame:
    """Return the rows that are in a part: what examples hold, then ``part``, then features.

    A feature that is a plain input stands once. The order is that of the examples, so that
    training sees the same order every time.
    """
    parts = assignment(split, store).rename({"row": row})
    features = read_frame(frame, store)
    new = [name for name in features.columns if name == row or name not in examples.columns]
    return examples.join(parts, on=row, how="inner", maintain_order="left").join(
        features.select(new), on=row, how="left", maintain_order="left"
    )


def training_frame(rows: pl.DataFrame, part: str, features: Sequence[str], *, row: str) -> Frame:
    """Return one part as training code gets it."""
    chosen = rows.filter(pl.col("part") == part)
    return Frame(
        features=model_inputs(chosen, features),
        label=chosen["label"],
        rows=chosen[row],
        times=chosen["time"],
    )


def task_of(label: pl.Series) -> Task:
    """Return what kind of prediction a label asks for: Boolean, text, or numbers.

    Raises:
        DataError: the label is of another type.
    """
    if label.dtype == pl.Boolean:
        return "binary"
    if label.dtype in (pl.String, pl.Categorical, pl.Enum):
        return "multiclass"
    if label.dtype.is_numeric():
        return "regression"
    raise DataError(
        "a label must be Boolean (binary), text (multiclass) or a number (regression)",
        value=str(label.dtype),
        fix="change value= of lw.Label",
    )
