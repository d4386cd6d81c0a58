"""Casts of single values. A cast that fails is left to Polars, which says why, or makes it null."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import polars as pl

from lapwise.features.expressions.scalar.kinds import (
    LEAST,
    MOST,
    limits,
    per_second,
    single,
    wrapping,
)
from lapwise.features.expressions.scalar.node import Defer, Inexact, Node, constantly, lift

__all__ = ["cast"]

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", re.ASCII)
_EXACT = 2**53
_DAY = 86_400


def cast(node: Node, dtype: pl.DataType, *, options: str = "Strict") -> Node:
    """Return a node of another type.

    Args:
        node: what to cast.
        dtype: the type to cast to.
        options: as in the serialised form; what is out of range raises, is null, or wraps.

    Raises:
        Inexact: there is no exact cast of one value.
    """
    if node.dtype == dtype:
        return node
    function = _between(node.dtype, dtype, options)
    run = node.run if function is None else lift(function, node.run)
    if node.constant:
        try:
            value = run(())
        except Defer:
            raise Inexact(f"the cast of a constant to {dtype} that fails") from None
        return Node(dtype, constantly(value), constant=True)
    return Node(dtype, run)


def _between(source: pl.DataType, dtype: pl.DataType, options: str) -> Callable[[Any], Any] | None:
    if isinstance(source, pl.Null):
        return None
    if source.is_temporal() or dtype.is_temporal():
        return _of_time(source, dtype)
    if isinstance(dtype, pl.String):
        return _to_text(source)
    if isinstance(source, pl.String):
        return _from_text(dtype)
    if isinstance(source, pl.Boolean) and dtype.is_numeric():
        return float if dtype.is_float() else int
    if isinstance(dtype, pl.Boolean) and source.is_numeric():
        return lambda x: x != 0
    if source.is_float() and dtype.is_float():
        return single if isinstance(dtype, pl.Float32) else None
    if source.is_integer() and dtype.is_float():
        return _integer_to_single if isinstance(dtype, pl.Float32) else float
    if dtype.is_integer() and source.is_numeric():
        return _to_integer(source, dtype, options)
    raise Inexact(f"a cast from {source} to {dtype}")


def _integer_to_single(x: int) -> float:
    if -_EXACT <= x <= _EXACT:
        return single(float(x))
    raise Defer


def _to_integer(source: pl.DataType, dtype: pl.DataType, options: str) -> Callable[[Any], Any]:
    low, high = limits(dtype)
    wraps = options == "Overflowing"
    if source.is_integer() and wraps:
        return wrapping(dtype)

    def of_integer(x: int) -> int:
        if low <= x <= high:
            return x
        raise Defer

    def of_float(x: float) -> int:
        if -9.0e15 < x < 9.0e15:
            made = int(x)
            if low <= made <= high:
                return made
        raise Defer

    return of_integer if source.is_integer() else of_float


def _to_text(source: pl.DataType) -> Callable[[Any], str]:
    if source.is_integer():
        return str
    if isinstance(source, pl.Boolean):
        return lambda x: "true" if x else "false"
    if isinstance(source, pl.Float64):
        return lambda x: _float_text(x, repr, 1e15)
    if isinstance(source, pl.Float32):
        return lambda x: _float_text(x, _single_text, 1e7)
    raise Inexact(f"a cast from {source} to String")


def _float_text(x: float, written: Callable[[float], str], most: float) -> str:
    """Write a number whose size is such that no notation uses an exponent."""
    size = abs(x)
    if 1e-4 <= size < most or x == 0.0:
        return written(x)
    if math.isnan(x):
        return "NaN"
    raise Defer


def _single_text(x: float) -> str:
    """Return the shortest number that is nearest to a single."""
    for digits in range(1, 10):
        short = float(f"{x:.{digits}g}")
        if single(short) == x:
            return repr(short)
    raise Defer


def _from_text(dtype: pl.DataType) -> Callable[[str], Any]:
    if isinstance(dtype, pl.Float64):

        def number(text: str) -> float:
            if _NUMBER.fullmatch(text):
                return float(text)
            raise Defer

        return number
    if not dtype.is_integer():
        raise Inexact(f"a cast from String to {dtype}")
    low, high = limits(dtype)

    def whole(text: str) -> int:
        if _WHOLE_NUMBER.fullmatch(text):
            made = int(text)
            if low <= made <= high:
                return made
        raise Defer

    return whole


def _of_time(source: Any, dtype: Any) -> Callable[[Any], Any] | None:
    """Return a cast that a time takes part in."""
    if isinstance(source, pl.Datetime) and isinstance(dtype, pl.Datetime):
        if source.time_zone != dtype.time_zone:
            raise Inexact(f"a cast from {source} to {dtype}", "dt.replace_time_zone")
        return _units(per_second(source), per_second(dtype))
    if isinstance(source, pl.Duration) and isinstance(dtype, pl.Duration):
        old, new = per_second(source), per_second(dtype)
        return _units(old, new) if new >= old else _toward_zero(old // new)
    if isinstance(source, pl.Date) and isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
        return _scaled(_DAY * per_second(dtype))
    if isinstance(source, pl.Datetime) and isinstance(dtype, pl.Date) and _is_plain(source):
        day = _DAY * per_second(source)
        return lambda x: x // day
    if dtype.is_integer() and not isinstance(source, pl.Datetime | pl.Duration | pl.Date | pl.Time):
        raise Inexact(f"a cast from {source} to {dtype}")
    if dtype.is_integer():
        wide = 32 if isinstance(source, pl.Date) else 64
        if limits(dtype) == (-(2 ** (wide - 1)), 2 ** (wide - 1) - 1) or isinstance(
            dtype, pl.Int64
        ):
            return None
        return _to_integer(pl.Int64(), dtype, "Strict")
    raise Inexact(f"a cast from {source} to {dtype}")


def _is_plain(dtype: Any) -> bool:
    return dtype.time_zone in (None, "UTC")


def _units(old: int, new: int) -> Callable[[int], int] | None:
    if old == new:
        return None
    if new > old:
        return _scaled(new // old)
    factor = old // new
    return lambda x: x // factor


def _scaled(factor: int) -> Callable[[int], int]:
    def scale(x: int) -> int:
        made = x * factor
        if LEAST <= made <= MOST:
            return made
        raise Defer

    return scale


def _toward_zero(factor: int) -> Callable[[int], int]:
    return lambda x: x // factor if x >= 0 else -(-x // factor)
