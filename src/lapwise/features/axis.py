"""The examples of one partition, sorted by entity and time: the axis that rows are laid along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from lapwise.features.kernel import Int64

__all__ = ["Axis", "places", "sort_packed"]

_ROOM = 1 << 62


@dataclass(frozen=True, slots=True)
class Axis:
    """Examples in order of (entity, time).

    Attributes:
        order: for each place the example's number.
        codes: for each place the entity's code; examples without an entity have the last code.
        times: for each place the example's time in microseconds.
        entities: one row an entity: its columns, and ``__code``.
    """

    order: Int64
    codes: Int64
    times: Int64
    entities: pl.DataFrame

    @classmethod
    def of(cls, entities: pl.DataFrame, times: Int64) -> Axis:
        """Sort examples, given each one's entity columns and time."""
        by = entities.columns
        distinct = entities.drop_nulls().unique().with_row_index("__code")
        joined = entities.join(distinct, on=by, how="left", maintain_order="left")
        codes = joined["__code"].cast(pl.Int64).fill_null(distinct.height).to_numpy()
        return cls(*sort_packed(codes, times), distinct)

    @property
    def size(self) -> int:
        """The number of examples."""
        return len(self.order)

    def codes_of(self, entities: pl.DataFrame) -> Int64:
        """Return the code of each row's entity, -1 for one that no example has."""
        by = entities.columns
        joined = entities.join(self.entities, on=by, how="left", maintain_order="left")
        return joined["__code"].cast(pl.Int64).fill_null(-1).to_numpy()


def sort_packed(codes: Int64, moments: Int64) -> tuple[Int64, Int64, Int64]:
    """Sort by (code, moment), and return (order, codes, moments).

    Where both fit into one int64 they are packed, sorted, and unpacked: one sort of integers, and
    no gathering in random order.
    """
    if not len(codes):
        return np.empty(0, np.int64), codes, moments
    low = int(moments.min())
    span = int(moments.max()) - low + 1
    if (int(codes.max()) + 1) * span >= _ROOM:
        lexical = np.lexsort((moments, codes))
        return lexical, codes[lexical], moments[lexical]
    packed = pl.Series(codes * span + (moments - low))
    order = packed.arg_sort()
    values = packed.gather(order).to_numpy()
    codes = values // span
    return order.cast(pl.Int64).to_numpy(), codes, values - codes * span + low


def places(
    codes: Int64, moments: Int64, wanted_codes: Int64, wanted: Int64, *, after: bool
) -> Int64:
    """Return how many of the sorted (code, moment) come before each wanted pair.

    Pairs are packed into one int64, for as many codes at a time as fit. Needles that come sorted,
    as all of ours nearly do, are found in the processor's cache.

    Args:
        codes: codes of the sorted pairs.
        moments: moments of the sorted pairs, in microseconds.
        wanted_codes: sorted codes.
        wanted: their moments, in any order.
        after: whether pairs equal to the wanted one count too.
    """
    result = np.zeros(len(wanted), np.int64)
    if not len(codes) or not len(wanted):
        return result
    low, high = int(moments.min()), int(moments.max())
    span = high - low + 3
    batch = max(_ROOM // span, 1)
    side: Literal["left", "right"] = "right" if after else "left"
    for first in range(0, int(max(codes[-1], wanted_codes[-1])) + 1, batch):
        hay = slice(*np.searchsorted(codes, (first, first + batch)))
        needles = slice(*np.searchsorted(wanted_codes, (first, first + batch)))
        keys = (codes[hay] - first) * span + (moments[hay] - (low - 1))
        bounded = np.clip(wanted[needles], low - 1, high + 1) - (low - 1)
        sought = (wanted_codes[needles] - first) * span + bounded
        result[needles] = np.searchsorted(keys, sought, side=side) + hay.start
    return result
