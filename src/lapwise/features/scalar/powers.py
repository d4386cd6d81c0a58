"""Powers, exponentials, logarithms and angles: the C library's, which Polars calls too."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import polars as pl

from lapwise.features.scalar.arithmetic import quotient
from lapwise.features.scalar.cast import cast
from lapwise.features.scalar.kinds import wrapping
from lapwise.features.scalar.node import Call, Inexact, Node, Run, lift, lift2

__all__ = ["FUNCTIONS"]


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


_ANGLES: dict[str, Callable[[float], float]] = {
    "Cos": _whole(math.cos, overflow=math.inf),
    "Sin": _whole(math.sin, overflow=math.inf),
    "Tan": _whole(math.tan, overflow=math.inf),
    "ArcCos": _whole(math.acos, overflow=math.inf),
    "ArcSin": _whole(math.asin, overflow=math.inf),
    "ArcTan": math.atan,
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
        return lambda row: None
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
    if not exponent.constant or exponent.value is None:
        raise Inexact("a power of integers that is no constant", "cast the base to pl.Float64")
    power: Any = exponent.value
    if not 0 <= power <= 64:
        raise Inexact("a negative power of integers", "cast the base to pl.Float64")
    wrap = wrapping(dtype)
    return lift(lambda x: wrap(x**power), base.run)


FUNCTIONS: dict[str, Callable[[Call], Run]] = {
    "Atan2": _atan2,
    "Exp": _exp,
    "Log": _log,
    "Log1p": _log1p,
    "Pow": _pow,
    "Trigonometry": _trigonometry,
}
