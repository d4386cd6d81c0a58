"""Freeze what is normal for a candidate, for monitors to compare its answers with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lapwise.monitoring import Reference, make_reference

if TYPE_CHECKING:
    import polars as pl

    from lapwise.core.digest import Digest
    from lapwise.loop.steps.parts import Rows

__all__ = ["freeze_reference"]


def freeze_reference(
    of: Sequence[Digest],  # noqa: ARG001 - part of the key: it names the rows
    scores: pl.DataFrame,
    features: Sequence[str],
    classes: Sequence[str],
    row: str,
    *,
    rows: Rows,
) -> Reference:
    """Return the bins and blocks of all rows in a part, and how good the test rows' scores were."""
    scored = rows().join(scores.select(row, "score"), on=row, how="left", maintain_order="left")
    return make_reference(
        scored,
        features,
        time="time",
        score="score",
        label="label",
        out_of_sample=scored["part"] == "test",
        classes=classes,
    )
