"""The examples of one partition, sorted by entity and time: the axis that rows are laid along."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
import polars as pl

from lapwise.features.kernel import Int64

__all__ = ["Axis", "Timeline", "in_order", "sort_pairs"]

_ROOM = 1 << 62
_LEAST, _MOST = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)
_WIDE = (pl.UInt64, pl.Int128, pl.UInt128)
_SPARSE = 8
"""Whole numbers that name entities are looked up in a table of up to this many places for each."""


@dataclass(frozen=True)
class Axis:
    """Examples in order of (entity, time).

    Attributes:
        order: for each place the example's number.
        codes: for each place the entity's code; examples without an entity have the last code.
        times: for each place the example's time in microseconds.
        entities: what tells the code of an entity.
    """

    order: Int64
    codes: Int64
    times: Int64
    entities: _Entities

    @classmethod
    def of(cls, entities: pl.DataFrame, times: Int64) -> Axis:
        """Sort examples, given each one's entity columns and time."""
        numbered = _Dense.of(entities) or _Hashed.of(entities)
        codes = numbered.codes_of(entities)
        if (codes < 0).any():
            codes = np.where(codes < 0, numbered.size, codes)
        return cls(*sort_pairs(codes, times), numbered)

    @property
    def size(self) -> int:
        """The number of examples."""
        return len(self.order)

    @cached_property
    def timeline(self) -> Timeline:
        """The examples' times, for rows to find themselves in."""
        return Timeline(self.codes, self.times)

    @cached_property
    def places(self) -> Int64:
        """For each example, as they were given, its place."""
        places = np.empty_like(self.order)
        places[self.order] = np.arange(self.size)
        return places

    def codes_of(self, entities: pl.DataFrame) -> Int64:
        """Return the code of each row's entity, -1 for one that no example has."""
        return self.entities.codes_of(entities)


@dataclass(frozen=True, slots=True)
class _Dense:
    """Entities named by one column of whole numbers that lie close together: a table of codes."""

    low: int
    table: Int64
    size: int

    @classmethod
    def of(cls, entities: pl.DataFrame) -> _Dense | None:
        """Number the entities, or return None if they are not of this kind."""
        column = entities.to_series()
        if entities.width > 1 or not column.dtype.is_integer() or column.dtype in _WIDE:
            return None
        whole = column.drop_nulls().cast(pl.Int64)
        low, high = whole.min(), whole.max()
        if not isinstance(low, int) or not isinstance(high, int):
            return None
        if high - low >= _SPARSE * len(whole) + 1024:
            return None
        taken = np.zeros(high - low + 1, np.bool_)
        taken[whole.to_numpy() - low] = True
        table = np.where(taken, np.cumsum(taken) - 1, -1)
        return cls(low, table, int(taken.sum()))

    def codes_of(self, entities: pl.DataFrame) -> Int64:
        """Return each row's code, or -1."""
        column = entities.to_series().cast(pl.Int64)
        low, high = self.low, self.low + len(self.table) - 1
        least, most = column.min(), column.max()
        if not isinstance(least, int) or not isinstance(most, int):
            return np.full(len(column), -1, np.int64)
        if column.null_count() or least < low or most > high:
            inside = column.is_between(low, high).fill_null(value=False)
            places = column.set(~inside, low).to_numpy() - low
            return np.where(inside.to_numpy(), self.table[places], -1)
        codes: Int64 = self.table[column.to_numpy() - low]
        return codes


@dataclass(frozen=True, slots=True)
class _Hashed:
    """Entities of any kind, numbered by a hash join."""

    frame: pl.DataFrame
    size: int

    @classmethod
    def of(cls, entities: pl.DataFrame) -> _Hashed:
        """Number the entities."""
        distinct = entities.drop_nulls().unique().with_row_index("__code")
        return cls(distinct, distinct.height)

    def codes_of(self, entities: pl.DataFrame) -> Int64:
        """Return each row's code, or -1."""
        by = entities.columns
        joined = entities.join(self.frame, on=by, how="left", maintain_order="left")
        return joined["__code"].cast(pl.Int64).fill_null(-1).to_numpy()


_Entities: TypeAlias = _Dense | _Hashed


def in_order(values: Int64, order: Int64) -> Int64:
    """Return the values at some places; Polars gathers at random faster than NumPy."""
    return pl.Series(values).gather(pl.Series(order)).to_numpy()


def sort_pairs(codes: Int64, moments: Int64) -> tuple[Int64, Int64, Int64]:
    """Sort by (code, moment), and return (order, codes, moments).

    Moments that already ascend are sorted by code and place, packed into one integer; where code
    and moment fit into one, they are; else it is one after the other. Of equal pairs of ascending
    moments the earlier comes first.
    """
    if not len(codes):
        return np.empty(0, np.int64), codes, moments
    if bool((moments[1:] >= moments[:-1]).all()):
        packed = codes << np.int64(32)  # and from here on in place: these are the longest arrays
        packed |= np.arange(len(codes))
        packed.sort()
        order = packed & np.int64(0xFFFFFFFF)
        packed >>= np.int64(32)
        return order, packed, in_order(moments, order)
    low = int(moments.min())
    bits = (int(moments.max()) - low + 1).bit_length()
    if int(codes.max()) << bits < _ROOM and bits < _ROOM.bit_length():
        packed = (codes << np.int64(bits)) | (moments - low)
        order = pl.Series(packed).arg_sort().cast(pl.Int64).to_numpy()
        return order, in_order(codes, order), in_order(moments, order)
    by_moment = pl.Series(moments).arg_sort().cast(pl.Int64).to_numpy()
    then, codes, moments = sort_pairs(in_order(codes, by_moment), in_order(moments, by_moment))
    return in_order(by_moment, then), codes, moments


class Timeline:
    """Pairs of (code, moment), sorted, in which many others are looked for.

    Pairs are packed into one int64, for as many codes at a time as fit. Needles that come sorted,
    as all of ours nearly do, are found in the processor's cache.

    Args:
        codes: codes of the sorted pairs.
        moments: moments of the sorted pairs, in microseconds.
    """

    def __init__(self, codes: Int64, moments: Int64) -> None:
        self._codes, self._moments = codes, moments
        low = int(moments.min()) if len(moments) else 0
        high = int(moments.max()) if len(moments) else 0
        self._ranked: Int64 | None = None
        if (
            high - low + 3 >= _ROOM or low == _LEAST or high == _MOST
        ):  # some are a great many years from the others
            self._ranked = np.unique(moments)
            self._moments = np.searchsorted(self._ranked, moments)
            low, high = 0, len(self._ranked)
        self._low, self._high = low, high
        self._batch = max(_ROOM // (high - low + 3), 1)
        self._packed: dict[int, tuple[int, Int64]] = {}

    def count(self, codes: Int64, moments: Int64, *, after: bool) -> Int64:
        """Return how many of the pairs come before each wanted one.

        Args:
            codes: sorted codes.
            moments: their moments, in any order.
            after: whether pairs equal to the wanted one count too.
        """
        result = np.zeros(len(moments), np.int64)
        if not len(self._codes) or not len(moments):
            return result
        side: Literal["left", "right"] = "right" if after else "left"
        if self._ranked is not None:
            moments, side = np.searchsorted(self._ranked, moments, side=side), "left"
        low, span = self._low - 1, np.int64(self._high - self._low + 3)
        moments = np.clip(moments, low, self._high + 1) - low
        for first in range(0, int(max(self._codes[-1], codes[-1])) + 1, self._batch):
            chosen = slice(*np.searchsorted(codes, (first, first + self._batch)))
            begin, keys = self._keys(first)
            sought = (codes[chosen] - first) * span + moments[chosen]
            result[chosen] = np.searchsorted(keys, sought, side=side) + begin
        return result

    def _keys(self, first: int) -> tuple[int, Int64]:
        """Return where the pairs of a batch of codes begin, and the pairs, packed."""
        if first not in self._packed:
            chosen = slice(*np.searchsorted(self._codes, (first, first + self._batch)))
            span = np.int64(self._high - self._low + 3)
            keys = self._codes[chosen] - first
            keys *= span
            keys += self._moments[chosen]
            keys -= self._low - 1
            self._packed[first] = int(chosen.start), keys
        return self._packed[first]
