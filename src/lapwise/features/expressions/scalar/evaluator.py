"""Computes on-demand features of one row: plain values in, plain values out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from lapwise.features.expressions.scalar.kinds import LEAST, MOST, limits, per_second, single
from lapwise.features.expressions.scalar.node import Defer, Inexact, Node
from lapwise.features.expressions.scalar.temporal import FIRST_DAY, LAST_DAY
from lapwise.features.request import in_microseconds, input_series

if TYPE_CHECKING:
    from lapwise.features.expressions.demand import OnDemand

__all__ = ["Evaluator"]

_DAY = 86_400_000_000
_FIRST, _END = FIRST_DAY * _DAY, (LAST_DAY + 1) * _DAY


class Evaluator:
    """On-demand features of one row; made by :func:`~lapwise.features.expressions.scalar.translate`.

    Args:
        feature: what it computes.
        inputs: the type of each input, in order.
        outputs: the translated expressions, in order.
    """

    __slots__ = ("_feature", "_inputs", "_readers", "_writers", "types")

    def __init__(
        self, feature: OnDemand, inputs: Mapping[str, pl.DataType], outputs: Sequence[Node]
    ) -> None:
        self._feature, self._inputs = feature, dict(inputs)
        self._readers = [_reader(dtype) for dtype in inputs.values()]
        self._writers = [(node.run, _writer(node.dtype)) for node in outputs]
        self.types: tuple[pl.DataType, ...] = tuple(node.dtype for node in outputs)
        """The types of the outputs, in order."""

    def __call__(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return the features of one row.

        Args:
            values: one for each input, in order: text, numbers, Booleans, None; instants as
                microseconds since 1970.

        Raises:
            FeatureError: a value is of a wrong type, or an expression fails for it, such as a cast.
        """
        try:
            return self.scalar(values)
        except (Defer, ArithmeticError):
            return self.by_polars(values)

    def scalar(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return the features, computed without Polars.

        Raises:
            Defer: only Polars knows.
        """
        row = [
            None if value is None else read(value)
            for read, value in zip(self._readers, values, strict=True)
        ]
        return tuple(
            [
                made if (made := run(row)) is None or write is None else write(made)
                for run, write in self._writers
            ]
        )

    def by_polars(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """Return the features, computed by Polars."""
        frame = pl.DataFrame(
            [
                input_series(name, [value], dtype)
                for (name, dtype), value in zip(self._inputs.items(), values, strict=True)
            ]
        )
        made = self._feature.compute(frame)
        return tuple(in_microseconds(series)[0] for series in made.get_columns())


def _reader(dtype: pl.DataType) -> Callable[[Any], Any]:
    """Return what makes a physical value of a plain one; what it does not know it defers."""
    if isinstance(dtype, pl.Boolean):
        return _boolean
    if isinstance(dtype, pl.String):
        return _text
    if isinstance(dtype, pl.Float64):
        return _float
    if isinstance(dtype, pl.Float32):
        return lambda value: single(_float(value))
    if dtype.is_temporal():
        return _time_reader(dtype)
    if not dtype.is_integer():
        raise Inexact(f"an input of type {dtype}")
    low, high = limits(dtype)

    def integer(value: Any) -> int:
        if type(value) is int and low <= value <= high:
            return value
        raise Defer

    return integer


def _boolean(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise Defer


def _text(value: Any) -> str:
    if type(value) is str:
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Defer from None
        return value
    raise Defer


def _float(value: Any) -> float:
    if type(value) is float:
        return value
    raise Defer


def _time_reader(dtype: Any) -> Callable[[Any], int]:
    """Return what makes the integer behind a time of microseconds."""
    if isinstance(dtype, pl.Date):
        multiply, divide, first, end = 1, _DAY, _FIRST, _END
    elif isinstance(dtype, pl.Time):
        multiply, divide, first, end = 1000, 1, 0, _DAY
    else:
        units = per_second(dtype)
        multiply, divide = max(units // 1_000_000, 1), max(1_000_000 // units, 1)
        first, end = _FIRST, _END
        if multiply > 1:
            first, end = -(-LEAST // multiply), MOST // multiply

    def time(value: Any) -> int:
        if type(value) is int and first <= value < end:
            made, rest = divmod(value * multiply, divide)
            if not rest:
                return made
        raise Defer

    def microseconds(value: Any) -> int:
        if type(value) is int and first <= value < end:
            return value
        raise Defer

    return microseconds if multiply == divide == 1 else time


def _writer(dtype: Any) -> Callable[[Any], Any] | None:
    """Return what makes a plain value of a physical one, None where it is one."""
    if not dtype.is_temporal():
        return None
    if isinstance(dtype, pl.Date):
        return _in_range(_DAY, 1, FIRST_DAY, LAST_DAY + 1)
    if isinstance(dtype, pl.Time):
        return lambda x: x // 1000
    units = per_second(dtype)
    multiply, divide = max(1_000_000 // units, 1), max(units // 1_000_000, 1)
    if isinstance(dtype, pl.Duration):
        return _in_range(multiply, divide, LEAST // multiply, MOST // multiply, to_zero=True)
    return _in_range(multiply, divide, _FIRST * divide // multiply, _END * divide // multiply)


def _in_range(
    multiply: int, divide: int, first: int, end: int, *, to_zero: bool = False
) -> Callable[[int], int]:
    def write(x: int) -> int:
        if not first <= x < end:
            raise Defer
        x *= multiply
        return -(-x // divide) if to_zero and x < 0 else x // divide

    return write
