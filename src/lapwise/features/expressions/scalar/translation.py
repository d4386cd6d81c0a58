"""Translates serialised expressions of Polars, once, into functions of one row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import polars as pl

from lapwise.core.errors import FeatureError
from lapwise.features.expressions.scalar import (
    arithmetic,
    comparison,
    missing,
    powers,
    rounding,
    shift,
    temporal,
    text,
)
from lapwise.features.expressions.scalar.cast import cast
from lapwise.features.expressions.scalar.evaluator import Evaluator
from lapwise.features.expressions.scalar.node import Call, Inexact, Node, Run, constantly, lift2
from lapwise.features.expressions.steady import Steady, steady
from lapwise.features.expressions.tree import expression, holds, variant

if TYPE_CHECKING:
    from lapwise.features.expressions.demand import OnDemand

__all__ = ["FAMILIES", "OPERATORS", "translate"]

OPERATORS = arithmetic.OPERATORS | comparison.OPERATORS | comparison.LOGIC
_PLAIN = {**arithmetic.FUNCTIONS, **missing.FUNCTIONS, **powers.FUNCTIONS, **rounding.FUNCTIONS}
_TESTS = ("IsFinite", "IsInfinite", "IsNan", "IsNotNan", "IsNotNull", "IsNull")

FAMILIES: dict[str, dict[str, Callable[[Call], Run]]] = {
    "": {name: function for name, function in _PLAIN.items() if name not in _TESTS},
    "Boolean": {**comparison.FUNCTIONS, **{name: missing.FUNCTIONS[name] for name in _TESTS}},
    "StringExpr": text.FUNCTIONS,
    "TemporalExpr": {**temporal.FUNCTIONS, **shift.FUNCTIONS},
}
"""The functions that have a form for one row, by family; ``is_in`` stands beside them."""

# The arguments of these are brought to the type of the result.
_LIKE_RESULT = frozenset(
    ["Clip", "Coalesce", "FillNull", "MaxHorizontal", "MinHorizontal", "SumHorizontal"]
)
_TYPES = (
    pl.Boolean, pl.String, pl.Null, pl.Float32, pl.Float64, pl.Date, pl.Time, pl.Datetime,
    pl.Duration, pl.Int8, pl.Int16, pl.Int32, pl.Int64, pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64,
)  # fmt: skip


def translate(feature: OnDemand, types: Mapping[str, pl.DataType]) -> Evaluator:
    """Return what computes on-demand features of one row.

    Args:
        feature: what to compute.
        types: the type of each input; more are ignored.

    Raises:
        FeatureError: an input has no type, a type does not fit an expression, or there is no form
            for one row that is equal to the bit.
    """
    inputs = {name: types[name] for name in feature.inputs if name in types}
    missing_types = [name for name in feature.inputs if name not in types]
    if missing_types:
        raise FeatureError(
            f"on-demand feature '{feature.name}' reads a column of an unknown type",
            value=missing_types[0],
            expected=f"one of {', '.join(types)[:160]}",
            fix="name the function's parameters after input columns or earlier features",
        )
    try:
        plan = steady(feature.serialized, tuple(inputs.items()))
    except pl.exceptions.PolarsError as error:
        raise _unfit(feature, inputs, error) from error
    outputs = [
        _output(feature, name, tree, inputs, plan)
        for name, tree in zip(feature.outputs, plan.trees, strict=True)
    ]
    return Evaluator(feature, inputs, outputs)


def _output(
    feature: OnDemand, name: str, tree: Any, inputs: Mapping[str, pl.DataType], plan: Steady
) -> Node:
    try:
        return _Translator(inputs, plan.constants).node(tree)
    except Inexact as reason:
        raise FeatureError(
            f"on-demand feature '{feature.name}.{name}' has no form for one row that is equal to"
            " the bit",
            value=str(reason),
            expected="operations of docs/features.md, on the types given there",
            fix=reason.mend,
        ) from None
    except pl.exceptions.PolarsError as error:
        raise _unfit(feature, inputs, error) from error


def _unfit(feature: OnDemand, inputs: Mapping[str, pl.DataType], error: Exception) -> FeatureError:
    return FeatureError(
        f"on-demand feature '{feature.name}' cannot be computed",
        value=str(error).partition("\n")[0],
        expected="expressions that fit the types of "
        + ", ".join(f"{one} ({dtype})" for one, dtype in inputs.items()),
    )


class _Translator:
    """Translates expressions of a row's columns."""

    def __init__(self, inputs: Mapping[str, pl.DataType], constants: Sequence[pl.Series]) -> None:
        for dtype in inputs.values():
            if not isinstance(dtype, _TYPES):
                raise Inexact(f"a value of type {dtype}")
        self._inputs = dict(inputs)
        self._places = {name: place for place, name in enumerate(inputs)}
        self._chosen = {
            one.name: Node(one.dtype, constantly(one.to_physical()[0])) for one in constants
        }
        chosen = {one.name: one.dtype for one in constants}
        self._empty = pl.LazyFrame(schema={**self._inputs, **chosen})

    def node(self, tree: Any) -> Node:
        """Return the translation of a serialised expression."""
        kind, body = variant(tree)
        if kind == "Alias":
            return self.node(body[0])
        if kind == "Column" and body in self._chosen:
            return self._chosen[body]
        if kind == "Column":
            return Node(self._inputs[body], itemgetter(self._places[body]))
        dtype = self._dtype(tree)
        if not isinstance(dtype, _TYPES):
            raise Inexact(f"a value of type {dtype}")
        if not holds(tree, "Column"):
            # Such a constant takes a type from where it stands, after it was computed or before.
            if kind not in ("Literal", "Cast") and holds(tree, "Dyn"):
                raise Inexact("a constant that is computed", "write its value, or pl.lit(value)")
            return _constant(tree)
        match kind:
            case "BinaryExpr":
                return Node(dtype, self._binary(tree, body, dtype))
            case "Ternary":
                predicate = cast(self.node(body["predicate"]), pl.Boolean())
                truthy = cast(self.node(body["truthy"]), dtype)
                falsy = cast(self.node(body["falsy"]), dtype)
                return Node(dtype, missing.choose(predicate.run, truthy.run, falsy.run))
            case "Cast":
                return cast(self.node(body["expr"]), dtype, options=body["options"])
            case "Function":
                return Node(dtype, self._function(body["input"], body["function"], dtype))
        raise Inexact(kind)

    def _binary(self, tree: Any, body: Any, dtype: pl.DataType) -> Run:
        operator = body["op"]
        left, right = self.node(body["left"]), self.node(body["right"])
        if operator in arithmetic.OPERATORS:
            if left.dtype.is_temporal() or right.dtype.is_temporal():
                return shift.add_times(operator, left, right, dtype)
            if operator == "Plus" and isinstance(dtype, pl.String):
                return lift2(lambda x, y: x + y, cast(left, dtype), cast(right, dtype))
            if not dtype.is_numeric():
                raise Inexact(f"{operator} of {left.dtype} and {right.dtype}")
            return arithmetic.compute(operator, cast(left, dtype), cast(right, dtype), dtype)
        if operator in comparison.OPERATORS:
            joint = self._joint(body["left"], body["right"])
            return comparison.compare(operator, cast(left, joint), cast(right, joint))
        if operator in comparison.LOGIC:
            return comparison.logic(operator, cast(left, dtype), cast(right, dtype), dtype)
        raise Inexact(operator)

    def _function(self, arguments: Sequence[Any], function: Any, dtype: pl.DataType) -> Run:
        family, body = variant(function)
        if family == "Boolean" and variant(body)[0] == "IsIn":
            return self._is_in(arguments, variant(body)[1])
        name, options = variant(body) if family in FAMILIES else (family, body)
        found = FAMILIES.get(family, FAMILIES[""] if family not in FAMILIES else {}).get(name)
        if found is None:
            raise Inexact(name)
        nodes = tuple(self.node(argument) for argument in arguments)
        if name in _LIKE_RESULT:
            nodes = tuple(cast(node, dtype) for node in nodes)
        elif name in ("IsBetween", "MeanHorizontal"):
            joint = self._joint(*arguments)
            nodes = tuple(cast(node, joint) for node in nodes)
        return found(Call(name, options, nodes, dtype))

    def _is_in(self, arguments: Sequence[Any], options: Any) -> Run:
        value = self.node(arguments[0])
        members = _series(arguments[1])
        if isinstance(members.dtype, pl.List):
            members = members.explode(empty_as_null=False)
        same = members.dtype == value.dtype or isinstance(members.dtype, pl.Null)
        if not same and not (members.dtype.is_integer() and value.dtype.is_integer()):
            raise Inexact(
                f"is_in of {value.dtype} among {members.dtype}", "a list of the same type"
            )
        return missing.is_in(
            value,
            members.to_physical().to_list(),
            nulls_equal=bool((options or {}).get("nulls_equal")),
        )

    def _joint(self, *trees: Any) -> pl.DataType:
        """Return the type in which values are compared."""
        joint = self._dtype({"Function": {"input": list(trees), "function": "Coalesce"}})
        if not isinstance(joint, _TYPES):
            raise Inexact(f"a comparison as {joint}")
        return joint

    def _dtype(self, tree: Any) -> pl.DataType:
        """Return the type of an expression; where Polars foretells another, it is not exact."""
        asked = self._empty.select(expression(tree).alias("_"))
        foretold, made = asked.collect_schema()["_"], asked.collect().schema["_"]
        if foretold != made:
            raise Inexact(
                f"an expression of which Polars says {foretold} and gives {made}",
                f"cast a part of it to pl.{foretold}",
            )
        return foretold


def _constant(tree: Any) -> Node:
    series = _series(tree)
    if len(series) != 1:
        raise Inexact("a literal of many values")
    value = series.to_physical()[0]
    return Node(series.dtype, constantly(value), constant=True)


def _series(tree: Any) -> pl.Series:
    return pl.select(expression(tree).alias("_")).to_series()
