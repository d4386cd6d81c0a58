"""On-demand and derived features of a request: a few rows one by one, many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import polars as pl

from lapwise.core.errors import FeatureError
from lapwise.features.expressions.demand import OnDemand
from lapwise.features.expressions.proof import prove_elementwise
from lapwise.features.expressions.scalar import Evaluator, translate
from lapwise.features.request import given, in_microseconds, input_series

__all__ = ["Derived"]

_Steps: TypeAlias = tuple[Mapping[str, pl.DataType], list[tuple[Evaluator, dict[str, pl.DataType]]]]
"""The types of the views' features, and what was translated for them: a pair for each demand."""

_FEW = 32
"""For so many rows a scalar evaluator each takes less time than one call of Polars."""


class Derived:
    """A version's on-demand features, in the order of their declaration.

    Args:
        demands: the features.
        columns: the types of the columns that a request carries.
        made: the names of the features that views make.

    Raises:
        FeatureError: one reads what is neither a column, nor a view's feature, nor declared before.
    """

    def __init__(
        self,
        demands: Sequence[OnDemand],
        columns: Mapping[str, pl.DataType],
        made: Sequence[str],
    ) -> None:
        self._demands, self._columns = tuple(demands), dict(columns)
        self._steps: _Steps = ({}, [])
        readable = {*columns, *made}
        for demand in demands:
            for name in demand.inputs:
                if name not in readable:
                    raise FeatureError(
                        f"on-demand feature '{demand.name}' needs a column that requests do not "
                        "carry and no feature before it makes",
                        value=name,
                        expected=f"one of {', '.join(sorted(readable))[:160]}",
                        fix=f'name "{name}" among the inputs of the examples',
                    )
            readable.update(demand.outputs)
        if not made:
            self._steps = self._translated({})

    def compute(
        self,
        inputs: Mapping[str, Sequence[Any]],
        found: Mapping[str, Sequence[Any]],
        views: Mapping[str, pl.DataType],
    ) -> dict[str, Sequence[Any]]:
        """Return the features of a request.

        Args:
            inputs: one list for each column that it carries.
            found: the features that views made of it.
            views: the types of those.

        Raises:
            FeatureError: an input is missing or of a wrong type, or an expression fails.
        """
        steps = self._steps  # threads may ask at the same time
        if steps[0] is not views:
            self._steps = steps = self._translated(views)
        values = dict(found)
        for demand, (evaluator, types) in zip(self._demands, steps[1], strict=True):
            columns = [
                values[name] if name in values else given(inputs, name) for name in demand.inputs
            ]
            if columns and len(columns[0]) > _FEW:
                values |= _at_once(demand, columns, types)
            else:
                rows = [evaluator(row) for row in zip(*columns, strict=True)]
                made = zip(*rows, strict=True) if rows else ((),) * len(demand.outputs)
                values |= zip(demand.outputs, map(list, made), strict=True)
        return values

    def prove(self, views: Mapping[str, pl.DataType]) -> None:
        """Prove on edge values that this Polars gives what one row gives without it.

        It takes about 0.1 s for each function, once in a process. What reads a feature whose type is
        not known is left out.

        Args:
            views: the types of the features that views make, as far as they are known.

        Raises:
            FeatureError: it gives something else.
        """
        types = {**self._columns, **views}
        for demand in self._demands:
            if types.keys() >= set(demand.inputs):
                _prove(demand, tuple(types[name] for name in demand.inputs))
                types |= zip(demand.outputs, translate(demand, types).types, strict=True)

    def _translated(self, views: Mapping[str, pl.DataType]) -> _Steps:
        types = {**self._columns, **views}
        steps = []
        for demand in self._demands:
            evaluator = translate(demand, types)
            steps.append((evaluator, {name: types[name] for name in demand.inputs}))
            types |= zip(demand.outputs, evaluator.types, strict=True)
        return views, steps


@lru_cache(maxsize=256)
def _prove(demand: OnDemand, types: tuple[pl.DataType, ...]) -> None:
    """Prove a function on edge values; versions that are served beside each other share many."""
    prove_elementwise(demand, pl.DataFrame(schema=dict(zip(demand.inputs, types, strict=True))))


def _at_once(
    demand: OnDemand, columns: Sequence[Sequence[Any]], types: Mapping[str, pl.DataType]
) -> dict[str, Sequence[Any]]:
    """Compute many rows by Polars; instants and durations are microseconds."""
    series = [
        input_series(name, values, types[name])
        for name, values in zip(demand.inputs, columns, strict=True)
    ]
    made = demand.compute(pl.DataFrame(series))
    return {
        name: (in_microseconds(made[name]) if made[name].dtype.is_temporal() else made[name])
        .to_list()
        for name in demand.outputs
    }  # fmt: skip
