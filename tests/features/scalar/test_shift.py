"""Steps of the calendar and the clock, around every kind of change of clocks."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest

from lapwise.core.errors import FeatureError
from lapwise.features.expressions.scalar import translate
from lapwise.features.expressions.scalar.zone import zone_of
from tests.features.scalar.test_equality import check, declared

DAY = 86_400_000_000
L, Z, M, D = pl.col("l"), pl.col("z"), pl.col("m"), pl.col("d")
STEPS = ("1h", "15m", "1d", "2d", "1w", "3w", "1mo", "5mo", "1q", "1y", "7h", "10s", "250ms")
OFFSETS = ("1h", "-36h", "1d", "-3d", "1w", "1mo", "-13mo", "1q", "-1y", "90m", "1ms")
ZONES = ("America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo")


def rows(size: int) -> list[dict[str, Any]]:
    """Return instants near changes of clocks, some at the very microsecond."""
    draw = random.Random(11)
    starts = [at for name in ("Europe/Berlin", *ZONES) for at in zone_of(name).starts[-80:-2]]
    found = []
    for _ in range(size):
        near = draw.choice(starts) + draw.choice([0, 0, -1, 1]) * draw.randrange(3 * DAY)
        at = near // draw.choice([1, 900_000_000]) * draw.choice([1, 1]) + draw.choice([0, -1])
        day = draw.randrange(-400_000, 40_000) * DAY
        found.append({"l": at, "z": at, "m": at, "d": day, "w": at // 1000 * 1000})
    return found


EACH: dict[str, pl.Expr] = {
    **{f"truncate {step}": L.dt.truncate(step) for step in STEPS},
    **{f"offset {step}": L.dt.offset_by(step) for step in OFFSETS},
    **{f"plain truncate {step}": M.dt.truncate(step) for step in (*STEPS, "1d12h")},
    **{f"plain offset {step}": M.dt.offset_by(step) for step in (*OFFSETS, "1mo1d", "-1y2d3h")},
    **{f"round {step}": Z.dt.round(step) for step in ("1h", "1d", "15m")},
    **{f"date truncate {step}": D.dt.truncate(step) for step in ("1d", "2w", "1mo", "7mo", "1y")},
    **{f"date offset {step}": D.dt.offset_by(step) for step in ("1d", "-2w", "1mo", "-1q", "2y")},
    **{f"{zone} day": Z.dt.convert_time_zone(zone).dt.truncate("1d") for zone in ZONES},
    **{f"{zone} month": Z.dt.convert_time_zone(zone).dt.offset_by("1mo") for zone in ZONES},
    "milliseconds": pl.col("w").dt.convert_time_zone("Europe/Berlin").dt.truncate("1d"),
    "nanoseconds": L.dt.cast_time_unit("ns").dt.truncate("1d"),
    "month start": L.dt.month_start(),
    "month end": L.dt.month_end(),
    "plain month end": M.dt.month_end(),
    "local": L.dt.replace_time_zone(None),
    **{
        f"{zone} {fold}": M.dt.replace_time_zone(zone, ambiguous=fold, non_existent="null")
        for zone in ZONES
        for fold in ("earliest", "latest", "null")
    },
}


@pytest.mark.parametrize("expression", EACH.values(), ids=EACH)
def test_a_step_is_that_of_polars(expression: pl.Expr) -> None:
    names = expression.meta.root_names()
    chosen = [{name: row[name] for name in names} for row in rows(30)]
    assert check(expression, chosen)


@pytest.mark.prove
@pytest.mark.parametrize("expression", EACH.values(), ids=EACH)
def test_a_step_is_that_of_polars_for_many(expression: pl.Expr) -> None:
    names = expression.meta.root_names()
    many = [{name: row[name] for name in names} for row in rows(1500)]
    for place in range(0, len(many), 5):
        check(expression, many[place : place + 5])


@pytest.mark.parametrize("step", ["1mo1d", "1d12h", "1w1d"])
def test_steps_of_several_kinds_in_a_zone_are_refused(step: str) -> None:
    with pytest.raises(FeatureError, match="in a time zone"):
        translate(declared(L.dt.offset_by(step), ["l"]), {"l": pl.Datetime("us", "Europe/Berlin")})
