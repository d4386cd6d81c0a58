"""On-demand features of one row and of 100: as they are looked up, and by a bare call of Polars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from benchmarks.features.history import INSTANT, NOW
from benchmarks.features.spread import Call, Spread, spreads
from lapwise.core.model import Column
from lapwise.features import OnlineLookup, OnlineStore, on_demand

if TYPE_CHECKING:
    from lapwise.features import OnDemand

ASKED = 2_000
SCHEMA: dict[str, Any] = {
    "distance": pl.Float64,
    "seats": pl.Int64,
    "carrier": pl.String,
    "scheduled": INSTANT,
}
NAMES = {pl.Float64: "Float64", pl.Int64: "Int64", pl.String: "String"}


@on_demand
def two(distance: pl.Expr, scheduled: pl.Expr) -> dict[str, pl.Expr]:
    return {"hour": scheduled.dt.hour(), "far": distance > 1_000}


@on_demand
def ten(
    distance: pl.Expr, seats: pl.Expr, carrier: pl.Expr, scheduled: pl.Expr
) -> dict[str, pl.Expr]:
    return {
        "hour": scheduled.dt.hour(),
        "weekday": scheduled.dt.weekday(),
        "month": scheduled.dt.month(),
        "far": distance > 1_000,
        "kilometres": (distance * 1.609344).round(1),
        "crowd": pl.when(seats > 200).then(2).when(seats > 100).then(1).otherwise(0),
        "each": distance / seats,
        "major": carrier.is_in(["UA", "AA", "DL"]),
        "short": carrier.str.to_lowercase(),
        "known": distance.fill_null(0.0) + seats.fill_null(0),
    }


def measure_on_demand(folder: Path) -> dict[str, Spread]:
    """Return the percentiles of ``two`` and ``ten``, of 1 and 100 rows, ``bare`` and not."""
    rows = [
        (
            float(at % 3_000),
            50 + at % 300,
            ("UA", "EV", "B6")[at % 3],
            NOW + at * 60_000_000,
        )
        for at in range(ASKED + 100)
    ]
    columns = [
        Column(name=name, dtype=NAMES.get(dtype, "Datetime('us', 'UTC')"))
        for name, dtype in SCHEMA.items()
    ]
    found: dict[str, Spread] = {}
    with OnlineStore.open(folder / "on-demand") as store:
        for size, times in ((1, ASKED), (100, ASKED // 5)):
            calls: dict[str, Call] = {}
            for name, feature in (("two", two), ("ten", ten)):
                lookup = OnlineLookup([feature], store, columns=columns)
                calls[name] = _looking(lookup, rows, size)
                calls[f"{name} bare"] = _bare(feature, rows, size)
                _check(calls[name]([7]), calls[f"{name} bare"]([7]))
            asked = [[at] for at in range(times)]
            found |= {f"{name}, {size}": spread for name, spread in spreads(calls, asked).items()}
    return found


def _check(ours: object, theirs: object) -> None:
    assert ours == theirs, f"{ours} is not {theirs}"


def _columns(rows: Sequence[tuple[Any, ...]], at: int, size: int) -> dict[str, list[Any]]:
    return dict(
        zip(SCHEMA, (list(one) for one in zip(*rows[at : at + size], strict=True)), strict=True)
    )


def _looking(lookup: OnlineLookup, rows: Sequence[tuple[Any, ...]], size: int) -> Call:
    requests = [_columns(rows, at, size) for at in range(ASKED)]

    def look(asked: Sequence[int]) -> Mapping[str, Sequence[Any]]:
        return dict(lookup.look_up(requests[asked[0]], at=NOW))

    return look


def _bare(feature: OnDemand, rows: Sequence[tuple[Any, ...]], size: int) -> Call:
    """Return what makes a frame of a request, its features by one ``select``, and lists of them."""
    expressions = feature.expressions()
    schema = {name: SCHEMA[name] for name in feature.inputs}
    requests = [
        {name: values for name, values in _columns(rows, at, size).items() if name in schema}
        for at in range(ASKED)
    ]

    def look(asked: Sequence[int]) -> Mapping[str, Sequence[Any]]:
        made = pl.DataFrame(requests[asked[0]], schema=schema).select(expressions)
        return made.to_dict(as_series=False)

    return look
