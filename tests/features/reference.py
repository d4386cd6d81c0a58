"""The semantics of docs/features.md, said as slowly and plainly as possible."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, TypeAlias

from lapwise.features.model import Aggregate, FeatureView

Row: TypeAlias = dict[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(moment: datetime) -> int:
    """Return microseconds since 1970."""
    return (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def features_of(
    example: Row, t: int, view: FeatureView, rows: list[Row], floats: Iterable[str]
) -> dict[str, Any]:
    """Compute each feature of one example at t, over all rows of the table."""
    features = {}
    for name, aggregate in view.features:
        window = in_window(example, t, view, rows, aggregate.within)
        features[name] = finish(aggregate, window, view, is_float=aggregate.column in floats)
    widest = max(aggregate.within for _, aggregate in view.features)
    seen = in_window(example, t, view, rows, widest)
    features[f"{view.name}__known"] = max((row["known"] for row in seen), default=None)
    return features


def in_window(example: Row, t: int, view: FeatureView, rows: list[Row], within: int) -> list[Row]:
    """Return the rows that an example sees, in the order of (event, known, key)."""
    if any(example[name] is None for name in view.by):
        return []
    in_force: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        if row["known"] is None or not row["known"] < t:
            continue
        key = tuple(row[name] for name in view.table.key)
        if key not in in_force or standing(row, view) > standing(in_force[key], view):
            in_force[key] = row
    seen = [
        row
        for row in in_force.values()
        if row["event"] is not None
        and start_of(t, within, view.grain) <= row["event"] <= t
        and all(row[name] == example[name] for name in view.by)
    ]
    key = tuple(view.table.key)
    return sorted(seen, key=lambda row: (row["event"], row["known"], *(row[name] for name in key)))


def start_of(t: int, within: int, grain: int) -> int:
    """Return when a window begins: on a whole multiple of the grain, at or before t - within."""
    return (t - within) // grain * grain


def standing(row: Row, view: FeatureView) -> tuple[Any, ...]:
    """Order the rows of one key: the greatest is in force. Null is least, NaN is null."""
    columns = ("known", "event", *view.by, *view.columns)
    values = [None if is_nothing(row[name]) else row[name] for name in columns]
    return tuple((value is not None, value if value is not None else 0) for value in values)


def is_nothing(value: Any) -> bool:
    """Return whether a value is no observation."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def finish(aggregate: Aggregate, rows: list[Row], view: FeatureView, *, is_float: bool) -> Any:
    """Compute an aggregate from the rows of a window, in exact arithmetic."""
    if aggregate.kind == "count":
        return len(rows)
    values = [row[aggregate.column] for row in rows if not is_nothing(row[aggregate.column])]
    if aggregate.kind == "distinct":
        return len(set(values))  # -0.0 == 0.0, and Python's set goes by equality
    if aggregate.kind == "last":
        return values[-aggregate.place] if len(values) >= aggregate.place else None
    if not values:
        return None
    match aggregate.kind:
        case "first":
            return values[0]
        case "min":
            return min(values)
        case "max":
            return max(values)
    quantum = Fraction(aggregate.quantum or (2.0**-16 if is_float else 1.0))
    quanta = [round(Fraction(value) / quantum) for value in values]  # ties to even
    n, s1, s2 = len(quanta), sum(quanta), sum(value * value for value in quanta)
    match aggregate.kind:
        case "sum":
            return float(s1) * float(quantum) if is_float or quantum != 1 else s1
        case "mean" | "rate":
            return float(s1) / float(n) * float(quantum)
    if n < 2:
        return None
    return math.sqrt(float(n * s2 - s1 * s1) / float(n * (n - 1))) * float(quantum)
