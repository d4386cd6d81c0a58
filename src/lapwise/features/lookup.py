"""Makes a model's inputs of what a request carries, as of its time, from the online store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from lapwise.core.clock import format_time
from lapwise.core.errors import FeatureError
from lapwise.core.model import Column
from lapwise.features.demand import OnDemand
from lapwise.features.frame import Feature, feature_names
from lapwise.features.layout import ViewState, packed
from lapwise.features.model import FeatureView, view_digest
from lapwise.features.online import OnlineStore
from lapwise.features.request import (
    given,
    in_microseconds,
    input_frame,
    input_series,
    type_of,
    wrong_type,
)
from lapwise.features.state import find_state
from lapwise.features.vector import vectors

if TYPE_CHECKING:
    import lmdb

__all__ = ["OnlineLookup"]


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
        self._views = [(f, view_digest(f)) for f in features if isinstance(f, FeatureView)]
        self._demands = [_Demand.of(f, types) for f in features if isinstance(f, OnDemand)]
        self._inputs = [f for f in features if isinstance(f, str)]
        self._frame = {name: types[name] for demand in self._demands for name in demand.inputs}
        self._types = types
        for name in self._inputs:
            _require(name, types, f"feature '{name}'")
        for view, _ in self._views:
            for name in view.by:
                _require(name, types, f"view '{view.name}'")

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
        size = len(next(iter(inputs.values()), ()))
        found: dict[str, Sequence[Any]] = {name: given(inputs, name) for name in self._inputs}
        if self._demands:
            frame = input_frame(inputs, self._frame)
            for demand in self._demands:
                found |= demand.compute(frame)
        if self._views:
            with self._store.reading() as transaction:
                entities: dict[tuple[str, ...], tuple[list[bytes], list[int] | None]] = {}
                for view, digest in self._views:
                    state = find_state(transaction, view, digest)
                    _check_time(view, state, at)
                    if view.by not in entities:
                        entities[view.by] = self._entities(view, state, inputs, size)
                    found |= _view(transaction, view, state, *entities[view.by], at)
        return {name: found[name] for name in self.names}

    def _entities(
        self, view: FeatureView, state: ViewState, inputs: Mapping[str, Sequence[Any]], size: int
    ) -> tuple[list[bytes], list[int] | None]:
        """Return the distinct entities, packed, and which of them each row has."""
        columns = [
            _plain(given(inputs, name), self._types[name], text, f"view '{view.name}'", name)
            for name, text in zip(view.by, state.by, strict=True)
        ]
        places: dict[bytes, int] = {}
        chosen = []
        for values in zip(*columns, strict=True):
            entity = b"" if None in values else packed(values)
            chosen.append(places.setdefault(entity, len(places)))
        return list(places), None if len(places) == size else chosen


def _view(
    transaction: lmdb.Transaction,
    view: FeatureView,
    state: ViewState,
    entities: list[bytes],
    chosen: list[int] | None,
    at: int,
) -> dict[str, Sequence[Any]]:
    if not entities:
        return {name: [] for name in view.names}
    made = vectors(transaction, view, state, entities, at)
    if chosen is not None:
        made = [[values[place] for place in chosen] for values in made]
    return dict(zip(view.names, made, strict=True))


@dataclass(frozen=True, slots=True)
class _Demand:
    """On-demand features with their expressions at hand."""

    feature: OnDemand
    expressions: list[pl.Expr]

    @classmethod
    def of(cls, feature: OnDemand, types: Mapping[str, pl.DataType]) -> _Demand:
        for name in feature.inputs:
            _require(name, types, f"on-demand feature '{feature.name}'")
        return cls(feature, feature.expressions())

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.feature.inputs

    def compute(self, frame: pl.DataFrame) -> dict[str, Sequence[Any]]:
        try:
            made = frame.select_seq(self.expressions)  # a thread costs more than it gains
        except pl.exceptions.PolarsError:
            made = self.feature.compute(frame)  # which says what is wrong
        if made.height != frame.height:  # nothing but constants
            made = self.feature.compute(frame)
        return {name: _values(made[name]) for name in self.feature.outputs}


def _values(series: pl.Series) -> list[Any]:
    """Return plain values, instants and durations as microseconds."""
    return in_microseconds(series).to_list() if series.dtype.is_temporal() else series.to_list()


def _plain(
    values: Sequence[Any], dtype: pl.DataType, stored: str, where: str, name: str
) -> Sequence[Any]:
    """Return an entity's column as the store has it, after looking at its types."""
    expected = _python_type(dtype)
    for value in values:
        if value is not None and type(value) is not expected:
            raise wrong_type(f"{where}: column '{name}'", str(dtype))
    if _stored_text(dtype) != stored:
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


def _stored_text(dtype: pl.DataType) -> str:
    return "String" if isinstance(dtype, pl.Categorical | pl.Enum) else str(dtype)


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
            fix="lapwise features materialize",
        )
