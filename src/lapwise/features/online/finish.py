"""From the exact integers of a window to a feature's plain value: the online half of the kernel.

The formulas are those of ``kernel.py``, for one number instead of an array: each operand is rounded
once to a double, as NumPy does, so the bits are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, TypeAlias

from lapwise.core.errors import FeatureError
from lapwise.features.fixed_point import SQUARE_BITS, SUM_BITS, quantum_of
from lapwise.features.model import Aggregate, FeatureView
from lapwise.features.online.codes import decoder
from lapwise.features.online.fields import ROWS, UNFIT, ColumnFields, Fields, Line

__all__ = ["Finish", "check_sums", "finisher"]

Finish: TypeAlias = Callable[[Line], Any]
"""Takes the line of a window."""


def finisher(feature: Aggregate, fields: Fields) -> Finish:
    """Return what makes a feature of a window's line."""
    column = fields.columns.get(feature.column)
    if column is None:
        return itemgetter(ROWS)
    match feature.kind:
        case "distinct":
            return itemgetter(column.distinct)
        case "min":
            return _observation(column, column.least, 1)
        case "max":
            return _observation(column, column.greatest, 1)
        case "first":
            return _observation(column, column.first, 1)
        case "last":
            return _observation(column, column.latest + feature.place - 1, feature.place)
    return _sum(feature, column)


def _observation(column: ColumnFields, at: int, least: int) -> Finish:
    """Return what takes an observation, if the window has at least so many."""
    observed = column.observed
    if column.is_text:
        return lambda line: line[-1][line[at]] if line[observed] >= least else None
    value = decoder(column.layout)
    return lambda line: value(line[at]) if line[observed] >= least else None


def _sum(feature: Aggregate, column: ColumnFields) -> Finish:
    observed, sum_at = column.observed, column.sums[feature.quantum]
    floating = column.layout.code[1] == "f"
    quantum = quantum_of(feature.quantum, floating=floating)
    match feature.kind:
        case "sum" if floating or quantum != 1.0:
            return lambda line: float(line[sum_at]) * quantum if line[observed] else None
        case "sum":
            return lambda line: line[sum_at] if line[observed] else None
        case "std":
            low, middle, top = column.squares[feature.quantum]

            def deviation(line: Line) -> float | None:
                n = line[observed]
                if n < 2:
                    return None
                squares = line[low] + (line[middle] << 32) + (line[top] << 64)
                spread = float(n * squares - line[sum_at] ** 2)
                return math.sqrt(spread / float(n * (n - 1))) * quantum

            return deviation
    return lambda line: float(line[sum_at]) / line[observed] * quantum if line[observed] else None


def check_sums(
    view: FeatureView, columns: dict[str, ColumnFields], windows: Mapping[int, list[list[int]]]
) -> None:
    """Refuse what does not fit: a value that the widest window shows, the sum of a feature's own.

    Args:
        view: whose windows they are.
        columns: the view's fields.
        windows: the items of each window, by its length; each sum is taken exactly.

    Raises:
        FeatureError: a value or a sum does not fit its fixed point.
    """
    for _, feature in view.features:
        if feature.kind not in ("sum", "mean", "std", "rate"):
            continue
        column = columns[feature.column]
        sum_at = column.sums[feature.quantum]
        where = f"view '{view.name}': {feature.kind} of column '{feature.column}'"
        quantum = quantum_of(feature.quantum, floating=column.layout.code[1] == "f")
        if UNFIT in [one[sum_at] for one in windows[view.widest]]:
            raise _unfit(where, "a value", quantum, SUM_BITS)
        if not -(1 << 63) <= sum(one[sum_at] for one in windows[feature.within]) < 1 << 63:
            raise _unfit(where, "the sum of a window", quantum, 63)
        if feature.kind == "std":
            top = column.squares[feature.quantum][2]
            if UNFIT in [one[top] for one in windows[view.widest]]:
                raise _unfit(where, "a value", quantum, SQUARE_BITS)


def _unfit(where: str, what: str, quantum: float, bits: int) -> FeatureError:
    exponent = math.frexp(quantum)[1] - 1
    return FeatureError(
        f"{where}: {what} does not fit 64-bit fixed point with quantum 2**{exponent}",
        expected=f"magnitudes below 2**{bits + exponent}",
        fix="declare a coarser quantum, or clean the values in the table's build function",
    )
