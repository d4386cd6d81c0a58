"""Remember which categories training saw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from lapwise.loop.recipe import Categories

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lapwise.core.digest import Digest
    from lapwise.loop.steps.parts import Rows

__all__ = ["categories_of"]

_MOST = 10_000


def categories_of(
    of: Sequence[Digest],  # noqa: ARG001 - part of the key: it names the rows
    features: Sequence[str],
    *,
    rows: Rows,
) -> list[Categories]:
    """Return the sorted values of each text feature in the training rows."""
    train = rows().filter(pl.col("part") == "train")
    found = []
    for name in features:
        if train.schema[name] in (pl.String, pl.Categorical, pl.Enum):
            values = train[name].drop_nulls().cast(pl.String).unique().sort().to_list()
            if len(values) <= _MOST:
                found.append(Categories(column=name, values=tuple(values)))
    return found
