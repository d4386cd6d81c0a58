"""From the exact integers of a window to a feature's plain value: the online half of the kernel.

The formulas are those of ``kernel.py``, for one number instead of an array: each operand is rounded
once to a double, as NumPy does, so the bits are the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from lapwise.core.errors import FeatureError
from lapwise.features.fixed_point import SQUARE_BITS, SUM_BITS, quantum_of
from lapwise.features.model import Aggregate, FeatureView
from lapwise.features.online.fields import ROWS, UNFIT, ColumnFields

__all__ = ["Finish", "check_sums", "finisher"]

Finish: TypeAlias = Callable[[list[int]], Any]
"""Takes the added numbers of a window, beginning with the number of rows."""


def finisher(feature: Aggregate, column: ColumnFields | None) -> Finish:
    """Return what makes a count, sum, mean, rate or standard deviation of a window's numbers."""
    if column is None:
        return _count
    observed, sum_at = column.observed - ROWS, column.sums[feature.quantum] - ROWS
    floating = column.layout.code[1] == "f"
    quantum = quantum_of(feature.quantum, floating=floating)
    match feature.kind:
        case "sum" if floating or quantum != 1.0:
            return lambda added: float(added[sum_at]) * quantum if added[observed] else None
        case "sum":
            return lambda added: added[sum_at] if added[observed] else None
        case "std":
            low, middle, top = (place - ROWS for place in column.squares[feature.quantum])

            def deviation(added: list[int]) -> float | None:
                n = added[observed]
                if n < 2:
                    return None
                squares = added[low] + (added[middle] << 32) + (added[top] << 64)
                spread = float(n * squares - added[sum_at] ** 2)
                return math.sqrt(spread / float(n * (n - 1))) * quantum

            return deviation
    return lambda added: (
        float(added[sum_at]) / added[observed] * quantum if added[observed] else None
    )


def _count(added: list[int]) -> int:
    return added[0]


def check_sums(view: FeatureView, columns: dict[str, ColumnFields], added: list[list[int]]) -> None:
    """Refuse the numbers of a window's items whose sum does not fit; each sum is taken exactly.

    Args:
        view: whose window it is.
        columns: the view's fields.
        added: for each item its added numbers.

    Raises:
        FeatureError: a value or a sum does not fit its fixed point.
    """
    for _, feature in view.features:
        if feature.kind not in ("sum", "mean", "std", "rate"):
            continue
        column = columns[feature.column]
        numbers = [one[column.sums[feature.quantum] - ROWS] for one in added]
        where = f"view '{view.name}': {feature.kind} of column '{feature.column}'"
        quantum = quantum_of(feature.quantum, floating=column.layout.code[1] == "f")
        if UNFIT in numbers:
            raise _unfit(where, "a value", quantum, SUM_BITS)
        if not -(1 << 63) <= sum(numbers) < 1 << 63:
            raise _unfit(where, "the sum of a window", quantum, 63)
        if feature.kind == "std":
            top = column.squares[feature.quantum][2] - ROWS
            if UNFIT in [one[top] for one in added]:
                raise _unfit(where, "a value", quantum, SQUARE_BITS)


def _unfit(where: str, what: str, quantum: float, bits: int) -> FeatureError:
    exponent = math.frexp(quantum)[1] - 1
    return FeatureError(
        f"{where}: {what} does not fit 64-bit fixed point with quantum 2**{exponent}",
        expected=f"magnitudes below 2**{bits + exponent}",
        fix="declare a coarser quantum, or clean the values in the table's build function",
    )
