"""Powers, exponentials, logarithms and angles: the C library's, which Polars calls too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from lapwise.features.expressions.scalar.arithmetic import quotient
from lapwise.features.expressions.scalar.cast import cast
from lapwise.features.expressions.scalar.kinds import limits, wrapping
from lapwise.features.expressions.scalar.node import (
    Call,
    Defer,
    Inexact,
    Node,
    Run,
    constantly,
    lift,
    lift2,
)

__all__ = ["FUNCTIONS"]

_EXPONENTS = 2**32


def _doubles(call: Call) -> tuple[Node, ...]:
    """Return the arguments as doubles: singles have functions of their own in the C library."""
    if not isinstance(call.dtype, pl.Float64):
        raise Inexact(f"{_word(call)} of {call.dtype}", "cast to pl.Float64 first")
    return tuple(cast(node, pl.Float64()) for node in call.nodes)


def _word(call: Call) -> str:
    return call.options if isinstance(call.options, str) else call.name


def _exp(call: Call) -> Run:
    (node,) = _doubles(call)
    return lift(_whole(math.exp, overflow=math.inf), node.run)


def _log(call: Call) -> Run:
    node, base = _doubles(call)
    if not base.constant or base.value is None:
        raise Inexact("log with a base that is no constant")
    if base.value == math.e:
        return lift(_logarithm, node.run)
    divisor = _logarithm(base.value)
    return lift(lambda x: quotient(_logarithm(x), divisor), node.run)


def _logarithm(x: float) -> float:
    if x > 0.0:
        return math.log(x)
    return -math.inf if x == 0.0 else math.nan


def _log1p(call: Call) -> Run:
    (node,) = _doubles(call)

    def log1p(x: float) -> float:
        if x > -1.0:
            return math.log1p(x)
        return -math.inf if x == -1.0 else math.nan

    return lift(log1p, node.run)


def _whole(function: Callable[[float], float], *, overflow: float) -> Callable[[float], float]:
    """Return a function of the C library that gives numbers where Python raises."""

    def total(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return overflow if x > 0 or overflow == math.inf else -overflow
        except ValueError:
            return math.nan

    return total


def _sinh(x: float) -> float:
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(math.inf, x)


_tangent = _whole(math.tan, overflow=math.inf)

_ANGLES: dict[str, Callable[[float], float]] = {
    "Cos": _whole(math.cos, overflow=math.inf),
    "Sin": _whole(math.sin, overflow=math.inf),
    "Tan": _tangent,
    "ArcCos": _whole(math.acos, overflow=math.inf),
    "ArcSin": _whole(math.asin, overflow=math.inf),
    "ArcTan": math.atan,
    "ArcCosh": _whole(math.acosh, overflow=math.inf),
    "ArcSinh": math.asinh,
    "Cot": lambda x: quotient(1.0, _tangent(x)),
    "Cosh": _whole(math.cosh, overflow=math.inf),
    "Sinh": _sinh,
    "Tanh": math.tanh,
    "Degrees": math.degrees,
    "Radians": math.radians,
}


def _trigonometry(call: Call) -> Run:
    if call.options not in _ANGLES:
        raise Inexact(f"{call.options}".lower())
    (node,) = _doubles(call)
    return lift(_ANGLES[call.options], node.run)


def _atan2(call: Call) -> Run:
    y, x = _doubles(call)
    return lift2(math.atan2, y, x)


def _pow(call: Call) -> Run:
    if call.options == "Sqrt":
        (node,) = _doubles(call)
        return lift(_root, node.run)
    if call.options != "Generic":
        raise Inexact(str(call.options).lower())
    base, exponent = call.nodes
    if call.dtype.is_integer():
        return _integer_power(base, exponent, call.dtype)
    base, exponent = _doubles(call)
    if not exponent.constant:
        return lift2(_power, base, exponent)
    power = exponent.value
    if power is None:
        return constantly(None)
    if power == 0.0:
        return lift(lambda _: 1.0, base.run)
    if power == 1.0:
        return base.run
    if power == 0.5:
        return lift(_root, base.run)
    if 1.0 < power < 10.0 and power == int(power):
        return lift(lambda x: _product(x, int(power)), base.run)
    return lift(lambda x: _power(x, power), base.run)


def _root(x: float) -> float:
    return math.nan if x < 0 else math.sqrt(x)


def _product(x: float, times: int) -> float:
    made = x
    for _ in range(times - 1):
        made *= x
    return made


def _power(x: float, y: float) -> float:
    """Raise as C does: infinite and NaN where Python raises."""
    try:
        return math.pow(x, y)
    except OverflowError:
        return -math.inf if x < 0 and y % 2 == 1 else math.inf
    except ValueError:
        if x == 0.0:
            odd = y % 2 == 1
            return math.copysign(math.inf, x) if odd else math.inf
        return math.nan


def _integer_power(base: Node, exponent: Node, dtype: pl.DataType) -> Run:
    """Return a power of integers, which wraps; Polars refuses exponents below 0."""
    wrap, (low, high) = wrapping(dtype), limits(dtype)
    size = high - low + 1

    if not exponent.dtype.is_integer():
        raise Inexact(f"a power of {base.dtype} by {exponent.dtype}", "cast to pl.Float64 first")
    run_base, run_exponent = base.run, exponent.run

    def run(row: Sequence[Any]) -> int | None:
        x, y = run_base(row), run_exponent(row)
        if y is not None and not 0 <= y < _EXPONENTS:
            raise Defer
        return None if x is None or y is None else wrap(pow(x, y, size))

    return run


FUNCTIONS: dict[str, Callable[[Call], Run]] = {
    "Atan2": _atan2,
    "Exp": _exp,
    "Log": _log,
    "Log1p": _log1p,
    "Pow": _pow,
    "Trigonometry": _trigonometry,
}
