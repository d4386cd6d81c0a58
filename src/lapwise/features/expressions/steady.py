"""On-demand expressions in a form whose arithmetic does not depend on the other rows.

Polars makes one value of ``when(...).then(3.0).otherwise(7.0)`` where all rows of a batch choose the
same branch, and of a ``coalesce`` whose column is null in all of them. It then divides by that value
in another way than by a column, or does not know how many rows there are. So constants that are
chosen among rows are given as columns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec
import polars as pl

from lapwise.features.expressions.tree import expression, holds

__all__ = ["Steady", "steady"]

_CHOOSING = ("Coalesce", "FillNull")


@dataclass(slots=True)
class Steady:
    """Expressions, serialised and not, and the constants that they read as columns, a value each."""

    trees: list[Any] = field(default_factory=list)
    expressions: list[pl.Expr] = field(default_factory=list)
    constants: list[pl.Series] = field(default_factory=list)

    def columns(self, height: int) -> list[pl.Series]:
        """Return the constants as columns of so many rows."""
        return [one.new_from_index(0, height) if height else one.clear() for one in self.constants]


@lru_cache(maxsize=256)
def steady(serialized: str, schema: tuple[tuple[str, pl.DataType], ...]) -> Steady:
    """Return the expressions of an on-demand definition for columns of these types.

    Args:
        serialized: the definition, as :class:`~lapwise.features.expressions.demand.OnDemand` holds it.
        schema: the inputs, each with its type.
    """
    found = Steady()
    empty = pl.LazyFrame(schema=dict(schema))
    for _, text in msgspec.json.decode(serialized)["outputs"]:
        tree = _rewritten(json.loads(text), empty, found.constants)
        found.trees.append(tree)
        found.expressions.append(expression(tree))
    return found


def _rewritten(tree: Any, empty: pl.LazyFrame, constants: list[pl.Series]) -> Any:
    """Return an expression with columns for the constants that rows choose."""
    if isinstance(tree, list):
        return [_rewritten(one, empty, constants) for one in tree]
    if not isinstance(tree, dict):
        return tree
    if "Ternary" in tree:
        body = tree["Ternary"]
        dtype = _dtype(tree, empty)
        made = {name: _rewritten(one, empty, constants) for name, one in body.items()}
        for name in ("truthy", "falsy"):
            made[name] = _column(body[name], made[name], dtype, constants)
        return {"Ternary": made}
    if "Function" in tree and tree["Function"]["function"] in _CHOOSING:
        body = tree["Function"]
        dtype = _dtype(tree, empty)
        arguments = [
            _column(one, _rewritten(one, empty, constants), dtype, constants)
            for one in body["input"]
        ]
        return {"Function": {**body, "input": arguments}}
    return {kind: _rewritten(body, empty, constants) for kind, body in tree.items()}


def _column(tree: Any, made: Any, dtype: pl.DataType, constants: list[pl.Series]) -> Any:
    """Return a column in place of an expression that reads none."""
    if holds(tree, "Column"):
        return made
    value = pl.select(expression(tree).cast(dtype).alias("_")).to_series()
    name = f"__constant_{len(constants)}__"
    constants.append(value.alias(name))
    return {"Column": name}


def _dtype(tree: Any, empty: pl.LazyFrame) -> pl.DataType:
    return empty.select(expression(tree).alias("_")).collect_schema()["_"]
