"""The examples of one partition, sorted by entity and time: the axis that rows are laid along."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from lapwise.features.kernel import Bools, Int64

__all__ = ["Axis", "Places", "Timeline", "in_order", "sort_pairs", "whole"]

Places: TypeAlias = NDArray[np.uint32]
"""Numbers of rows or examples, as Polars numbers them."""

_ROOM = 1 << 62
_LEAST, _MOST = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)
_WIDE = (pl.UInt64, pl.Int128, pl.UInt128)
_PIECE = 1 << 19
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

    order: Places
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
        places = np.empty(self.size, np.int64)
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
        codes, first = np.empty(entities.height, np.int64), 0
        for chunk in entities.to_series().get_chunks():
            codes[first : first + len(chunk)] = self._codes(chunk.cast(pl.Int64))
            first += len(chunk)
        return codes

    def _codes(self, column: pl.Series) -> Int64:
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


def whole(column: pl.Series) -> NDArray[Any]:
    """Return a column of numbers without nulls in one piece.

    A column that is not is put together in NumPy's memory: what Polars has taken, the process keeps.
    """
    if column.n_chunks() <= 1:
        return column.to_numpy()
    return np.concatenate([chunk.to_numpy() for chunk in column.get_chunks()])


def in_order(values: Int64, order: Places) -> Int64:
    """Return the values at some places; Polars gathers at random faster than NumPy."""
    found, source = np.empty(len(order), np.int64), pl.Series(values)
    for first in range(0, len(order), _PIECE):  # so that it lies in NumPy's memory
        piece = slice(first, first + _PIECE)
        found[piece] = source.gather(pl.Series(order[piece])).to_numpy()
    return found


def sort_pairs(codes: Int64, moments: Int64, *, over: bool = False) -> tuple[Places, Int64, Int64]:
    """Sort by (code, moment), and return (order, codes, moments).

    Moments that already ascend are sorted by code and place, packed into one integer; where code
    and moment fit into one, they are; else it is one after the other. Of equal pairs of ascending
    moments the earlier comes first.

    Args:
        codes: codes below 2**31, one for each of fewer than 2**32 pairs.
        moments: their moments in microseconds.
        over: whether the codes may be overwritten.
    """
    if not len(codes):
        return np.empty(0, np.uint32), codes, moments
    room = codes if over and codes.flags.writeable else None
    if bool((moments[1:] >= moments[:-1]).all()):
        packed = np.left_shift(codes, np.int64(32), out=room)
        packed |= np.arange(len(codes), dtype=np.uint32)
        packed.sort()
        order = packed.astype(np.uint32)  # the lower half
        packed >>= np.int64(32)
        return order, packed, in_order(moments, order)
    low = int(moments.min())
    bits = (int(moments.max()) - low + 1).bit_length()
    if int(codes.max()) << bits < _ROOM and bits < _ROOM.bit_length():
        packed = np.left_shift(codes, np.int64(bits), out=room)
        packed += moments
        packed -= low
        order = pl.Series(packed).arg_sort().to_numpy()
        packed = in_order(packed, order)
        moments = packed & np.int64((1 << bits) - 1)
        moments += low
        packed >>= np.int64(bits)
        return order, packed, moments
    by_moment = pl.Series(moments).arg_sort().to_numpy()
    then, codes, moments = sort_pairs(in_order(codes, by_moment), in_order(moments, by_moment))
    return by_moment[then], codes, moments


class Timeline:
    """Pairs of (code, moment), sorted, in which many others are looked for.

    Pairs are packed into one int64, for as many codes at a time as fit. Needles that come sorted,
    as all of ours nearly do, are found in the processor's cache.

    Args:
        codes: codes of the sorted pairs.
        moments: moments of the sorted pairs, in microseconds.
        over: whether the codes may be overwritten; then neither is kept if all pairs fit at once.
    """

    def __init__(self, codes: Int64, moments: Int64, *, over: bool = False) -> None:
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
        self._whole: Int64 | None = None
        if over and len(codes) and int(codes[-1]) < self._batch and self._ranked is None:
            self._codes, self._moments = codes[-1:].copy(), moments[:0]
            self._whole = self._pack(codes, moments)

    def pairs(self) -> tuple[Int64, Int64]:
        """Return the codes and the moments, of a timeline that was made over its codes."""
        if self._whole is not None:
            codes, moments = np.divmod(self._whole, np.int64(self._high - self._low + 3))
            moments += self._low - 1
            return codes, moments
        ranked = self._ranked
        return self._codes, self._moments if ranked is None else ranked[self._moments]

    def reached(self, places: Int64, codes: Int64, moments: Int64) -> Bools:
        """Return whether the pairs at some places are not before others."""
        found: Bools
        if self._whole is not None:
            low, span = self._low - 1, np.int64(self._high - self._low + 3)
            sought = np.minimum(codes, self._batch) * span  # no pair has a code from there on
            found = self._whole[places] >= sought + (np.clip(moments, low, self._high + 1) - low)
            return found
        if self._ranked is not None:
            moments = np.searchsorted(self._ranked, moments)
        mine = self._codes[places]
        found = (mine > codes) | ((mine == codes) & (self._moments[places] >= moments))
        return found

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
        firsts = [0]
        if codes[-1] >= self._batch:
            firsts = (np.unique(codes // self._batch) * self._batch).tolist()
        for first in firsts:
            chosen = slice(*np.searchsorted(codes, (first, first + self._batch)))
            begin, keys = self._keys(first)
            sought = (codes[chosen] - first) * span + moments[chosen]
            result[chosen] = np.searchsorted(keys, sought, side=side) + begin
        return result

    def _keys(self, first: int) -> tuple[int, Int64]:
        """Return where the pairs of a batch of codes begin, and the pairs, packed."""
        if self._whole is not None:
            return (len(self._whole), self._whole[:0]) if first else (0, self._whole)
        if first not in self._packed:
            chosen = slice(*np.searchsorted(self._codes, (first, first + self._batch)))
            keys = self._pack(self._codes[chosen] - first, self._moments[chosen])
            self._packed[first] = int(chosen.start), keys
        return self._packed[first]

    def _pack(self, keys: Int64, moments: Int64) -> Int64:
        """Put moments to codes, in their place."""
        keys *= np.int64(self._high - self._low + 3)
        keys += moments
        keys -= self._low - 1
        return keys
