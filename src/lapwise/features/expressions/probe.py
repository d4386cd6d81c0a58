"""Rows on which on-demand features are proven: a sample, and the edges of every type."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from lapwise.core.model import Column
from lapwise.features.expressions.scalar.calendar import days_from_civil
from lapwise.features.expressions.scalar.kinds import limits
from lapwise.features.expressions.scalar.zone import zone_of
from lapwise.features.request import in_microseconds, type_of

__all__ = ["plain_rows", "probe", "request_types"]

_DAY = 86_400_000_000
_HOUR = 3_600_000_000
_DATES = ((1970, 1, 1), (1969, 12, 31), (2000, 2, 29), (1900, 2, 28), (2012, 12, 31), (2021, 1, 3),
          (1, 1, 1), (9999, 12, 31), (2100, 3, 1))  # fmt: skip
_TEXT = ("", "a", "AB", " x ", "É", "straße", "日本", "0", "-1.5", "true", "\x1c", "a\nb")
_LARGEST = 1.7976931348623157e308
_FLOATS = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.675, 1e-7, 1e16, 5e-324,
           _LARGEST, -_LARGEST)  # fmt: skip
_SINGLES = (
    math.nan,
    math.inf,
    -math.inf,
    0.0,
    -0.0,
    1.0,
    0.5,
    2.5,
    16777216.0,
    2.0**-149,
    2.0**127,
)
_SINCE = 1_546_300_800_000_000  # 2019: the changes of clocks that are tried follow it


def request_types(
    schema: Mapping[str, pl.DataType], names: Sequence[str]
) -> dict[str, pl.DataType]:
    """Return the types in which requests carry columns.

    Raises:
        FeatureError: a request cannot carry one.
    """
    return {name: type_of(Column(name=name, dtype=str(schema[name]))) for name in names}


def plain_rows(frame: pl.DataFrame) -> list[tuple[Any, ...]]:
    """Return the rows of a frame as requests carry them: times in microseconds."""
    columns = [in_microseconds(column).to_list() for column in frame.get_columns()]
    return list(zip(*columns, strict=True))


def probe(
    sample: Sequence[tuple[Any, ...]], types: Mapping[str, pl.DataType], definition: str
) -> list[tuple[Any, ...]]:
    """Return plain rows to prove features on.

    Each edge of each column comes beside values of the sample, and beside edges of the others.

    Args:
        sample: plain rows of the columns, in the order of ``types``.
        types: the columns with their types.
        definition: the features as text, in which zones are named.
    """
    zones = sorted(set(re.findall(r'"inner\\?":\s*\\?"([^"\\]+)', definition)))
    edges = [[None, *_edges(dtype, zones)] for dtype in types.values()]
    plain = list(sample) or [tuple(one[-1] for one in edges)]
    rows = list(sample)
    for place, column in enumerate(edges):
        for number, edge in enumerate(column):
            beside = plain[number % len(plain)]
            rows.append((*beside[:place], edge, *beside[place + 1 :]))
    most = max(map(len, edges))
    for shift in (0, 1, 4) if len(edges) > 1 else ():
        rows += [
            tuple(
                column[(number + shift * place) % len(column)] for place, column in enumerate(edges)
            )
            for number in range(most)
        ]
    return rows


def _edges(dtype: pl.DataType, zones: Sequence[str]) -> list[Any]:
    if isinstance(dtype, pl.Boolean):
        return [True, False]
    if isinstance(dtype, pl.String):
        return list(_TEXT)
    if isinstance(dtype, pl.Float32):
        return list(_SINGLES)
    if dtype.is_float():
        return list(_FLOATS)
    if dtype.is_integer():
        low, high = limits(dtype)
        return sorted({low, high, 0, 1, max(low, -1), 100, high // 2 + 1})
    if isinstance(dtype, pl.Date):
        return [days_from_civil(*date) * _DAY for date in _DATES]
    if isinstance(dtype, pl.Time):
        return [0, 1, 12 * _HOUR, _DAY - 1]
    if isinstance(dtype, pl.Duration):
        return [0, 1000, -1000, _HOUR, -_HOUR + 1000, _DAY, -_DAY - 1000, 400 * _DAY]
    return _instants(dtype, zones) if isinstance(dtype, pl.Datetime) else []


def _instants(dtype: pl.Datetime, zones: Sequence[str]) -> list[int]:
    step = 1000 if dtype.time_unit == "ms" else 1
    dates = [date for date in _DATES if dtype.time_unit != "ns" or 1700 < date[0] < 2200]
    found = []
    for date in dates:
        midnight = days_from_civil(*date) * _DAY
        found += [midnight, midnight + _DAY - step]
    for name in sorted({*zones, *([dtype.time_zone] if dtype.time_zone else [])}):
        zone = zone_of(name)
        for start, offset in zip(zone.starts, zone.offsets, strict=True):
            if _SINCE <= start < _SINCE + 366 * _DAY:
                around = (
                    start - step,
                    start,
                    start + _HOUR // 2,
                    start - _HOUR // 2,
                    start + _HOUR,
                )
                found += around
                found += [one + offset for one in around]  # as local time
    return found
