"""Arithmetic of numbers: promotion is done before, wrap-around and rounding here.

Polars multiplies by the reciprocal of a constant divisor, and adds no constant zero: so does this.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import polars as pl

from lapwise.features.expressions.scalar.kinds import limits, rounding, wrapping
from lapwise.features.expressions.scalar.node import (
    Call,
    Inexact,
    Node,
    Run,
    constantly,
    lift,
    lift2,
)

__all__ = ["FUNCTIONS", "OPERATORS", "compute"]

OPERATORS = frozenset(["Plus", "Minus", "Multiply", "TrueDivide", "FloorDivide", "Modulus"])


def compute(operator: str, left: Node, right: Node, dtype: pl.DataType) -> Run:
    """Return an operation on two numbers that are of the type of the result already."""
    if dtype.is_float():
        return _floats(operator, left, right, dtype)
    return lift2(_integers(operator, dtype), left, right)


def _integers(operator: str, dtype: pl.DataType) -> Callable[[int, int], int | None]:
    wrap = wrapping(dtype)
    low, high = limits(dtype)

    def plus(x: int, y: int) -> int:
        made = x + y
        return made if low <= made <= high else wrap(made)

    def minus(x: int, y: int) -> int:
        made = x - y
        return made if low <= made <= high else wrap(made)

    def multiply(x: int, y: int) -> int:
        made = x * y
        return made if low <= made <= high else wrap(made)

    def divide(x: int, y: int) -> int | None:
        return wrap(x // y) if y else None

    def modulus(x: int, y: int) -> int | None:
        return x % y if y else None

    return {
        "Plus": plus,
        "Minus": minus,
        "Multiply": multiply,
        "FloorDivide": divide,
        "Modulus": modulus,
    }[operator]


def _floats(operator: str, left: Node, right: Node, dtype: pl.DataType) -> Run:
    near = rounding(dtype)
    if right.constant and not left.constant:
        return _by_constant(operator, left.run, right.value, near)
    if left.constant and not right.constant and left.value is not None:
        zero = left.value == 0.0
        if operator == "Plus":
            return _by_constant(operator, right.run, left.value, near)
        if operator == "Minus" and zero:
            return lift(lambda y: -y, right.run)
    function = {
        "Plus": lambda x, y: x + y,
        "Minus": lambda x, y: x - y,
        "Multiply": lambda x, y: x * y,
        "TrueDivide": quotient,
        "FloorDivide": lambda x, y: _floor(_rounded(near, quotient(x, y))),
        "Modulus": lambda x, y: x - _rounded(near, y * _floor(_rounded(near, quotient(x, y)))),
    }[operator]
    return lift2(_nearest(function, near), left, right)


def _by_constant(
    operator: str, run: Run, constant: float | None, near: Callable[[float], float] | None
) -> Run:
    """Return an operation whose second operand is a constant."""
    if constant is None:
        return constantly(None)
    if operator in ("Plus", "Minus"):
        addend = constant if operator == "Plus" else -constant
        if addend == 0.0:
            return run
        return lift(_near1(lambda x: x + addend, near), run)
    if operator == "Multiply":
        return lift(_near1(lambda x: x * constant, near), run)
    inverse = _rounded(near, quotient(1.0, constant))
    if operator == "TrueDivide":
        return lift(_near1(lambda x: x * inverse, near), run)
    if operator == "FloorDivide":
        return lift(lambda x: _floor(_rounded(near, x * inverse)), run)
    return lift(
        _near1(lambda x: x - _rounded(near, constant * _floor(_rounded(near, x * inverse))), near),
        run,
    )


def quotient(x: float, y: float) -> float:
    """Divide as the processor does, by zero too."""
    try:
        return x / y
    except ZeroDivisionError:
        if x == 0.0 or x != x:  # noqa: PLR0124 - NaN
            return math.nan
        return math.copysign(math.inf, x) * math.copysign(1.0, y)


def _floor(x: float) -> float:
    if -4503599627370496.0 < x < 4503599627370496.0:
        made = float(math.floor(x))
        return math.copysign(made, x) if made == 0.0 else made
    return x


def _rounded(near: Callable[[float], float] | None, value: float) -> float:
    return value if near is None else near(value)


def _nearest(
    function: Callable[[float, float], float], near: Callable[[float], float] | None
) -> Callable[[float, float], float]:
    return function if near is None else (lambda x, y: near(function(x, y)))


def _near1(
    function: Callable[[float], float], near: Callable[[float], float] | None
) -> Callable[[float], float]:
    return function if near is None else (lambda x: near(function(x)))


def _negate(call: Call) -> Run:
    (node,) = call.nodes
    _check_number(call)
    if call.dtype.is_float():
        return lift(lambda x: -x, node.run)
    if isinstance(call.dtype, pl.UInt8 | pl.UInt16 | pl.UInt32 | pl.UInt64):
        raise Inexact(f"Negate of {call.dtype}")
    wrap = _wrap(call.dtype)
    return lift(lambda x: wrap(-x), node.run)


def _abs(call: Call) -> Run:
    (node,) = call.nodes
    _check_number(call)
    if call.dtype.is_float():
        return lift(abs, node.run)
    wrap = _wrap(call.dtype)
    return lift(lambda x: wrap(abs(x)), node.run)


def _wrap(dtype: pl.DataType) -> Callable[[int], int]:
    return wrapping(pl.Int64() if isinstance(dtype, pl.Duration) else dtype)


def _sign(call: Call) -> Run:
    (node,) = call.nodes
    if isinstance(node.dtype, pl.Duration):
        raise Inexact(f"Sign of {node.dtype}")
    _check_number(call)
    if call.dtype.is_float():
        return lift(lambda x: x if x == 0.0 or x != x else math.copysign(1.0, x), node.run)  # noqa: PLR0124
    return lift(lambda x: (x > 0) - (x < 0), node.run)


def _check_number(call: Call) -> None:
    if (
        not (call.dtype.is_numeric() or isinstance(call.dtype, pl.Duration))
        or call.nodes[0].dtype != call.dtype
    ):
        raise Inexact(f"{call.name} of {call.nodes[0].dtype}")


FUNCTIONS: dict[str, Callable[[Call], Run]] = {"Negate": _negate, "Abs": _abs, "Sign": _sign}
