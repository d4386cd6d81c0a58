"""Comparisons and three-valued logic. NaN equals NaN and is above all numbers, as in Polars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from lapwise.features.expressions.scalar.kinds import limits
from lapwise.features.expressions.scalar.node import Call, Inexact, Node, Run, lift, lift2

__all__ = ["FUNCTIONS", "LOGIC", "OPERATORS", "compare", "logic"]

OPERATORS = frozenset(["Eq", "EqValidity", "NotEq", "NotEqValidity", "Lt", "LtEq", "Gt", "GtEq"])
LOGIC = frozenset(["And", "Or", "Xor", "LogicalAnd", "LogicalOr"])

# NaN differs from itself in Python; all else that is compared does not.
_FLOATS: dict[str, Callable[[Any, Any], bool]] = {
    "Eq": lambda x, y: x == y or (x != x and y != y),  # noqa: PLR0124
    "NotEq": lambda x, y: x != y and (x == x or y == y),  # noqa: PLR0124
    "Lt": lambda x, y: x < y or (y != y and x == x),  # noqa: PLR0124
    "LtEq": lambda x, y: x <= y or y != y,  # noqa: PLR0124
    "Gt": lambda x, y: x > y or (x != x and y == y),  # noqa: PLR0124
    "GtEq": lambda x, y: x >= y or x != x,  # noqa: PLR0124
}
_OTHERS: dict[str, Callable[[Any, Any], bool]] = {
    "Eq": lambda x, y: x == y,
    "NotEq": lambda x, y: x != y,
    "Lt": lambda x, y: x < y,
    "LtEq": lambda x, y: x <= y,
    "Gt": lambda x, y: x > y,
    "GtEq": lambda x, y: x >= y,
}


def comparing(operator: str, dtype: pl.DataType) -> Callable[[Any, Any], bool]:
    """Return the comparison of two values of a type."""
    return (_FLOATS if dtype.is_float() else _OTHERS)[operator]


def compare(operator: str, left: Node, right: Node) -> Run:
    """Return the comparison of two operands of one type."""
    plain = operator.removesuffix("Validity")
    function = comparing(plain, left.dtype)
    if plain == operator:
        return lift2(function, left, right)
    run_left, run_right, unequal = left.run, right.run, plain == "NotEq"

    def run(row: Sequence[Any]) -> bool:
        x, y = run_left(row), run_right(row)
        if x is None or y is None:
            return (x is not y) if unequal else (x is y)
        return function(x, y)

    return run


def logic(operator: str, left: Node, right: Node, dtype: pl.DataType) -> Run:
    """Return and, or, exclusive or: Kleene's of Booleans, bit by bit of integers."""
    name = operator.removeprefix("Logical")
    if not isinstance(dtype, pl.Boolean):
        if name != operator or not dtype.is_integer():
            raise Inexact(f"{operator} of {dtype}")
        bits: dict[str, Callable[[int, int], int]] = {
            "And": lambda x, y: x & y,
            "Or": lambda x, y: x | y,
            "Xor": lambda x, y: x ^ y,
        }
        return lift2(bits[name], left, right)
    if name == "Xor":
        return lift2(lambda x, y: x is not y, left, right)
    run_left, run_right = left.run, right.run
    decides = name == "Or"

    def run(row: Sequence[Any]) -> bool | None:
        x, y = run_left(row), run_right(row)
        if decides in (x, y):
            return decides
        return None if x is None or y is None else not decides

    return run


def _all(call: Call) -> Run:
    return _horizontal(call, decides=False)


def _any(call: Call) -> Run:
    return _horizontal(call, decides=True)


def _horizontal(call: Call, *, decides: bool) -> Run:
    if any(not isinstance(node.dtype, pl.Boolean) for node in call.nodes):
        raise Inexact(f"{call.name} of anything but Booleans")
    runs = [node.run for node in call.nodes]

    def run(row: Sequence[Any]) -> bool | None:
        values = [one(row) for one in runs]
        if decides in values:
            return decides
        return None if None in values else not decides

    return run


def _not(call: Call) -> Run:
    (node,) = call.nodes
    if isinstance(node.dtype, pl.Boolean):
        return lift(lambda x: not x, node.run)
    if not node.dtype.is_integer():
        raise Inexact(f"Not of {node.dtype}")
    low, high = limits(node.dtype)
    return lift((lambda x: ~x) if low else (lambda x: high - x), node.run)


def _between(call: Call) -> Run:
    value, low, high = call.nodes
    closed = call.options["closed"]
    above = comparing("GtEq" if closed in ("Both", "Left") else "Gt", value.dtype)
    below = comparing("LtEq" if closed in ("Both", "Right") else "Lt", value.dtype)
    lower = lift2(above, value, low)
    upper = lift2(below, value, high)
    return logic("And", Node(pl.Boolean(), lower), Node(pl.Boolean(), upper), pl.Boolean())


FUNCTIONS: dict[str, Callable[[Call], Run]] = {
    "AllHorizontal": _all,
    "AnyHorizontal": _any,
    "IsBetween": _between,
    "Not": _not,
}
