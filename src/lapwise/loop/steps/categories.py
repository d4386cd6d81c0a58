"""Remember which categories training saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from lapwise.loop.recipe import Categories
from lapwise.loop.steps.parts import in_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lapwise.core.model import FeatureFrame, Split
    from lapwise.store.model import Store

__all__ = ["categories_of"]

_MOST = 10_000


def categories_of(
    examples: pl.DataFrame,
    split: Split,
    frame: FeatureFrame,
    features: Sequence[str],
    row: str,
    *,
    store: Store,
) -> list[Categories]:
    """Return the sorted values of each text feature in the training rows."""
    rows = in_parts(examples, split, frame, row=row, store=store)
    train = rows.filter(pl.col("part") == "train")
    found = []
    for name in features:
        if train.schema[name] in (pl.String, pl.Categorical, pl.Enum):
            values = train[name].drop_nulls().cast(pl.String).unique().sort().to_list()
            if len(values) <= _MOST:
                found.append(Categories(column=name, values=tuple(values)))
    return found
