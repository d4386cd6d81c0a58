"""Rounding, limits, and what is taken across columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl

from lapwise.features.expressions.scalar.arithmetic import compute
from lapwise.features.expressions.scalar.comparison import comparing
from lapwise.features.expressions.scalar.kinds import single, wrapping
from lapwise.features.expressions.scalar.node import Call, Inexact, Node, Run, lift

__all__ = ["FUNCTIONS"]

_WHOLE = 4503599627370496.0  # from 2**52 on every double is a whole number


def _rounded(to_whole: Callable[[float], int]) -> Callable[[Call], Run]:
    def made(call: Call) -> Run:
        node = call.nodes[0]
        if node.dtype.is_integer():
            return node.run
        if not node.dtype.is_float():
            raise Inexact(f"{call.name} of {node.dtype}")
        decimals = (call.options or {}).get("decimals", 0) if isinstance(call.options, dict) else 0

        def whole(x: float) -> float:
            if not -_WHOLE < x < _WHOLE:
                return x
            return math.copysign(float(to_whole(x)), x)

        if decimals == 0:
            return lift(whole, node.run)
        scale = 10.0**decimals
        is_single = isinstance(node.dtype, pl.Float32)

        def scaled(x: float) -> float:
            large = x * scale
            if math.isinf(large):
                return x
            made = whole(large) / scale
            return single(made) if is_single else made

        return lift(scaled, node.run)

    return made


def _half_away(x: float) -> int:
    low = math.floor(abs(x))
    return low + (abs(x) - low >= 0.5)


_HALVES: dict[str, Callable[[float], int]] = {"HalfToEven": round, "HalfAwayFromZero": _half_away}


def _round(call: Call) -> Run:
    mode = call.options["mode"]
    if mode not in _HALVES:
        raise Inexact(f"round(mode={mode!r})")
    return _rounded(_HALVES[mode])(call)


def _clip(call: Call) -> Run:
    has_low, has_high = call.options["has_min"], call.options["has_max"]
    runs = [node.run for node in call.nodes]
    value = runs[0]
    low = runs[1] if has_low else None
    high = runs[-1] if has_high else None

    def run(row: Sequence[Any]) -> Any:
        x = value(row)
        least = None if low is None else low(row)
        most = None if high is None else high(row)
        if x is None:
            return None
        if least is not None and x < least:
            return least
        return most if most is not None and x > most else x

    return run


def _least(call: Call) -> Run:
    return _extreme(call, "Lt")


def _greatest(call: Call) -> Run:
    return _extreme(call, "Gt")


def _extreme(call: Call, operator: str) -> Run:
    """Return the least or greatest, of equal ones the last; NaN only where there is nothing else."""
    runs = [node.run for node in call.nodes]
    better = comparing(operator, call.dtype)

    def run(row: Sequence[Any]) -> Any:
        best = None
        for value in [one(row) for one in runs]:
            if value is None:
                continue
            if best is None or best != best or (value == value and not better(best, value)):  # noqa: PLR0124
                best = value
        return best

    return run


def _sum(call: Call) -> Run:
    total = _total(call)
    if call.options["ignore_nulls"]:
        return total
    runs = [node.run for node in call.nodes]
    return lambda row: None if None in [one(row) for one in runs] else total(row)


def _mean(call: Call) -> Run:
    if call.nodes[0].dtype.is_integer() and any(node.constant for node in call.nodes):
        raise Inexact("MeanHorizontal of integers and a constant", "a constant such as 60.0")
    total = _total(call)
    ignore = call.options["ignore_nulls"]
    runs = [node.run for node in call.nodes]

    def run(row: Sequence[Any]) -> float | None:
        values = [one(row) for one in runs]
        known = len(values) - values.count(None)
        if known < len(values) and not (ignore and known):
            return None
        return float(total(row) / known)

    return run


def _total(call: Call) -> Run:
    """Return the sum in the type of the arguments, a null as zero.

    Polars adds three floats or more in an order that depends on the number of threads.
    """
    dtype = call.nodes[0].dtype
    nodes = [_zero_for_null(node) for node in call.nodes]
    runs = [node.run for node in nodes]
    if dtype.is_integer():
        wrap = wrapping(dtype)
        return lambda row: wrap(sum([one(row) for one in runs]))
    if not isinstance(dtype, pl.Float64):
        raise Inexact(f"{call.name} of {dtype}", "cast the columns to pl.Float64")
    if len(nodes) > 2:
        raise Inexact(f"{call.name} of more than two floats", "a + b + c, which has an order")
    return nodes[0].run if len(nodes) == 1 else compute("Plus", nodes[0], nodes[1], dtype)


def _zero_for_null(node: Node) -> Node:
    zero = 0.0 if node.dtype.is_float() else 0
    run = node.run

    def filled(row: Sequence[Any]) -> Any:
        value = run(row)
        return zero if value is None else value

    return Node(node.dtype, filled, constant=node.constant)


FUNCTIONS: dict[str, Callable[[Call], Run]] = {
    "Ceil": _rounded(math.ceil),
    "Clip": _clip,
    "Floor": _rounded(math.floor),
    "MaxHorizontal": _greatest,
    "MeanHorizontal": _mean,
    "MinHorizontal": _least,
    "Round": _round,
    "SumHorizontal": _sum,
    "Truncate": _rounded(math.trunc),
}
