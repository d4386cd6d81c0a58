"""Makes a model's inputs of what a request carries, as of its time, from the online store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeAlias, TypeVar

import polars as pl

from lapwise.core.clock import format_time
from lapwise.core.digest import Digest
from lapwise.core.errors import FeatureError, StoreError
from lapwise.core.model import Column
from lapwise.features.expressions.demand import OnDemand
from lapwise.features.frame import Feature, feature_names
from lapwise.features.model import FeatureView, view_digest
from lapwise.features.online.damage import UNREADABLE, damaged
from lapwise.features.online.derived import Derived
from lapwise.features.online.layout import Space, ViewState, packed, state_key, type_text
from lapwise.features.online.page import Stored
from lapwise.features.online.state import require_state
from lapwise.features.online.store import OnlineStore
from lapwise.features.online.vector import Scalars, Vectors
from lapwise.features.request import given, input_series, type_of, wrong_type

__all__ = ["OnlineLookup"]

T = TypeVar("T")

Entities: TypeAlias = tuple[list[bytes], list[int] | None]
"""The distinct entities of a request, packed, and which of them each row has (None: its own)."""

_Named: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]
"""The columns that name an entity, and their types in the store."""


class OnlineLookup:
    """Looks up one version's features (a :class:`~lapwise.core.protocols.FeatureLookup`).

    Args:
        features: views, on-demand features and names of input columns, in the model's order.
        store: where the views' rows are.
        columns: the columns that a request carries, with their types in the offline frame.

    Raises:
        FeatureError: a feature needs a column that is not among them, or a type is not known.
    """

    def __init__(
        self, features: Sequence[Feature], store: OnlineStore, *, columns: Sequence[Column]
    ) -> None:
        self.names = feature_names(features)
        self._store = store
        types = {column.name: type_of(column) for column in columns}
        self._views = [_View(f, view_digest(f)) for f in features if isinstance(f, FeatureView)]
        self._inputs = [f for f in features if isinstance(f, str)]
        self._types = types
        self._made = _Types((), {})
        for name in self._inputs:
            _require(name, types, f"feature '{name}'")
        for one in self._views:
            for name in one.view.by:
                _require(name, types, f"view '{one.view.name}'")
        demands = [f for f in features if isinstance(f, OnDemand)]
        made = [name for one in self._views for name in one.view.names]
        self._derived = Derived(demands, types, made) if demands else None

    def prove(self) -> None:
        """Prove that on-demand features of one row are what this Polars makes of many.

        What reads a view that is not online yet is left out; so it is if the store is away.

        Raises:
            FeatureError: another Polars than training had gives something else.
        """
        if self._derived is None:
            return
        types: dict[str, pl.DataType] = {}
        with suppress(StoreError):
            found = self._store.backend.read([one.key for one in self._views])
            for view, content in zip(self._views, found, strict=True):
                if content is not None:
                    types |= view.learn(content).vectors.types()
        self._derived.prove(types)

    def look_up(
        self, inputs: Mapping[str, Sequence[Any]], *, at: int
    ) -> Mapping[str, Sequence[Any]]:
        """Return one list for each feature, in the order of the features.

        Args:
            inputs: one list for each column that a request carries, all of one length.
            at: microseconds; rows known at or after it are not seen.

        Raises:
            FeatureError: an input is missing or of a wrong type, a view was never materialised, or
                the store no longer answers for this time.
        """
        found: dict[str, Sequence[Any]] = {name: given(inputs, name) for name in self._inputs}
        made, types = self._looked_up(inputs, at) if self._views else ({}, self._made.types)
        found |= made if self._derived is None else self._derived.compute(inputs, made, types)
        return {name: found[name] for name in self.names}

    def _looked_up(
        self, inputs: Mapping[str, Sequence[Any]], at: int
    ) -> tuple[dict[str, Sequence[Any]], Mapping[str, pl.DataType]]:
        """Return the features of all views and their types, from one read.

        It is two if an entity changed since the time that is asked for, or a sum may not fit.
        """
        past: list[bool] = [False] * len(self._views)
        while True:
            fresh, values, entities = self._read(inputs, at, past)
            named = [entities[one.vectors.view.by, one.state.by] for one in fresh]
            each = [
                one.made(mine, len(distinct), at, past=was)
                for one, mine, (distinct, _), was in zip(fresh, values, named, past, strict=True)
            ]
            if None not in each:
                break
            past = [was or made is None for was, made in zip(past, each, strict=True)]
        found: dict[str, Sequence[Any]] = {}
        for one, made, (_, chosen) in zip(fresh, each, named, strict=True):
            columns = made or []
            if chosen is not None:
                columns = [[column[place] for place in chosen] for column in columns]
            found.update(zip(one.vectors.names, columns, strict=True))
        return found, self._types_of([one.vectors for one in fresh])

    def _read(
        self, inputs: Mapping[str, Sequence[Any]], at: int, past: Sequence[bool]
    ) -> tuple[list[_Known], list[list[bytes | None]], dict[_Named, Entities]]:
        """Return of each view what is known of it and what its keys hold, and the entities."""
        known = [view.known for view in self._views]
        while True:
            entities: dict[_Named, Entities] = {}
            keys = [
                [view.key, *(self._keys(one, inputs, entities, at, past=was) if one else ())]
                for view, one, was in zip(self._views, known, past, strict=True)
            ]
            read = iter(self._store.backend.read([key for mine in keys for key in mine]))
            values = [list(islice(read, len(mine))) for mine in keys]
            fresh = [view.learn(mine[0]) for view, mine in zip(self._views, values, strict=True)]
            if all(map(_Known.has_keys_of, fresh, known)):
                return fresh, values, entities
            known = list(fresh)  # the first time, and after a view was built anew

    def _types_of(self, vectors: list[Vectors]) -> Mapping[str, pl.DataType]:
        """Return the types of the views' features: the same mapping until a view is built anew."""
        made = self._made
        if made.of != vectors:
            made = _Types(vectors, {k: v for one in vectors for k, v in one.types().items()})
            self._made = made
        return made.types

    def _keys(
        self,
        known: _Known,
        inputs: Mapping[str, Sequence[Any]],
        entities: dict[_Named, Entities],
        at: int,
        *,
        past: bool,
    ) -> list[bytes]:
        """Return the keys of all that a view needs, and note its entities."""
        view = known.vectors.view
        named = view.by, known.state.by
        if named not in entities:
            entities[named] = self._entities(view, known.state, inputs)
        return known.keys(entities[named][0], at, past=past)

    def _entities(
        self, view: FeatureView, state: ViewState, inputs: Mapping[str, Sequence[Any]]
    ) -> Entities:
        columns = [
            _plain(given(inputs, name), self._types[name], text, f"view '{view.name}'", name)
            for name, text in zip(view.by, state.by, strict=True)
        ]
        places: dict[bytes, int] = {}
        chosen = []
        try:
            for values in zip(*columns, strict=True):
                entity = b"" if None in values else packed(values)
                chosen.append(places.setdefault(entity, len(places)))
        except (OverflowError, UnicodeError) as error:  # 2**64, half a character
            where = f"view '{view.name}': the entity ({', '.join(view.by)})"
            raise wrong_type(where, ", ".join(state.by)) from error
        return list(places), None if len(places) == len(chosen) else chosen


@dataclass(frozen=True, slots=True)
class _Known:
    """What a look-up knows of a view's state, and all that follows from it."""

    content: bytes
    state: ViewState
    vectors: Vectors
    space: Space

    def has_keys_of(self, other: _Known | None) -> bool:
        """Return whether keys made with another state are the keys of this one."""
        return other is not None and self.state.number == other.state.number

    def keys(self, entities: Sequence[bytes], at: int, *, past: bool) -> list[bytes]:
        """Return the keys of the entities' pages, then of the tiles in which windows begin.

        With ``past`` those of the pages' and the tiles' histories follow.
        """
        space, tails = self.space, self.vectors.tails(at)
        tiles = [space.tile(entity, tile) for entity in entities for tile in tails]
        keys = [space.pages + entity for entity in entities]
        keys += [tile for tile, _ in tiles]
        if past:
            keys += [space.page_histories + entity for entity in entities]
            keys += [history for _, history in tiles]
        return keys

    def made(
        self, values: Sequence[bytes | None], entities: int, at: int, *, past: bool
    ) -> list[Scalars] | None:
        """Return each feature's values, given the state and what the keys hold.

        None if what they hold is not enough, and that of ``past`` is needed.

        Raises:
            CorruptError: a record is damaged.
            FeatureError: the store no longer answers for this time, or a number does not fit.
        """
        view, vectors = self.vectors.view, self.vectors
        _check_time(view, self.state, at)
        try:
            if not past:
                tiles = _parted(values[entities + 1 :], entities)
                return vectors.compute(values[1 : entities + 1], tiles, at)
            half = len(values) // 2 + 1
            stored = list(map(Stored, values[1:half], values[half:]))
            return vectors.compute_past(stored[:entities], _parted(stored[entities:], entities), at)
        except UNREADABLE as error:
            raise damaged(view.name) from error


def _parted(values: Sequence[T], parts: int) -> list[Sequence[T]]:
    """Return values in so many parts of one length; none if there are none."""
    each = len(values) // parts if parts else 0
    return [values[i : i + each] for i in range(0, len(values), each)] if each else []


class _View:
    """A view, with what was last known of it; threads may ask at the same time."""

    def __init__(self, view: FeatureView, digest: Digest) -> None:
        self.view, self.digest, self.key = view, digest, state_key(digest)
        self.known: _Known | None = None

    def learn(self, content: bytes | None) -> _Known:
        """Return what follows from a state; raises FeatureError if there is none."""
        known = self.known
        if known is not None and known.content == content:
            return known
        state = require_state(content, self.view, self.digest)
        if known is not None and known.state.number == state.number:
            known = replace(known, content=content or b"", state=state)
        else:
            vectors = Vectors(self.view, state.columns)
            known = _Known(content or b"", state, vectors, Space(state.number))
        self.known = known
        return known


@dataclass(frozen=True, slots=True)
class _Types:
    """The types of the features of some views."""

    of: Sequence[Vectors]
    types: Mapping[str, pl.DataType]


def _plain(
    values: Sequence[Any], dtype: pl.DataType, stored: str, where: str, name: str
) -> Sequence[Any]:
    """Return an entity's column as the store has it, after looking at its types."""
    expected = _python_type(dtype)
    for value in values:
        if value is not None and type(value) is not expected:
            raise wrong_type(f"{where}: column '{name}'", str(dtype))
    if type_text(dtype) != stored:
        raise FeatureError(
            f"{where}: column '{name}' is {stored} in the table and {dtype} in the request",
            expected="the same type in both, so that no key is missed",
        )
    if dtype.is_temporal():
        return input_series(name, values, dtype).to_physical().to_list()
    return values


def _python_type(dtype: pl.DataType) -> type:
    if isinstance(dtype, pl.Boolean):
        return bool
    if dtype.is_integer() or dtype.is_temporal():
        return int
    return bytes if isinstance(dtype, pl.Binary) else str


def _require(name: str, types: Mapping[str, pl.DataType], where: str) -> None:
    if name not in types:
        raise FeatureError(
            f"{where} needs a column that requests do not carry",
            value=name,
            expected=f"one of {', '.join(sorted(types))[:160]}",
            fix=f'name "{name}" among the inputs of the examples',
        )


def _check_time(view: FeatureView, state: ViewState, at: int) -> None:
    if at < state.floor:
        raise FeatureError(
            f"view '{view.name}': the online store no longer answers for this time",
            value=format_time(at),
            expected=f"{format_time(state.floor)} or later",
            fix="ask for a later time",
        )
