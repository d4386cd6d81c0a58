"""Values as int64 codes in the same order, and back."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lapwise.features.kernel import Int64
from lapwise.features.online.layout import ColumnLayout

__all__ = ["decoder", "to_codes"]

_MAGNITUDE = 2**63 - 1
_SIGN = 1 << 63
_INTEGER, _FLOAT = Struct("<q").pack, Struct("<d").unpack


def to_codes(numbers: NDArray[Any]) -> Int64:
    """Map float64, uint64 or int64 numbers to int64 in the same order; NaN is the greatest."""
    if numbers.dtype.kind == "f":
        bits: Int64 = np.where(np.isnan(numbers), np.nan, numbers).view(np.int64)
        return bits ^ ((bits >> np.int64(63)) & np.int64(_MAGNITUDE))
    if numbers.dtype == np.uint64:
        return (numbers ^ np.uint64(_SIGN)).view(np.int64)
    return numbers


def decoder(layout: ColumnLayout) -> Callable[[int], Any]:
    """Return what makes the frame's plain value of a code; times are in microseconds."""
    if layout.code[1] == "f":
        return _float_of
    if layout.code == "<u8":
        return lambda code: code + _SIGN
    if layout.storage == "bool":
        return bool
    if layout.storage == "time":
        return lambda code: int(layout.microseconds(code))
    return int


def _float_of(code: int) -> Any:
    return _FLOAT(_INTEGER(code ^ ((code >> 63) & _MAGNITUDE)))[0]
