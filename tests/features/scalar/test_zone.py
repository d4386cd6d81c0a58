"""Offsets of zones are those of Polars, at every change of clocks and between."""

from __future__ import annotations

import random

import polars as pl
import pytest

from lapwise.features.expressions.scalar.node import Defer
from lapwise.features.expressions.scalar.zone import zone_of

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC",
         "Africa/Casablanca", "America/Sao_Paulo", "Pacific/Apia"]  # fmt: skip
HOUR = 3_600_000_000


@pytest.mark.parametrize("name", ZONES)
def test_offsets_are_those_of_polars(name: str) -> None:
    zone = zone_of(name)
    draw = random.Random(7)
    instants = [draw.randrange(-5_000_000_000_000_000, 7_000_000_000_000_000) for _ in range(2000)]
    instants += [start + step for start in zone.starts[1:] for step in (-1, 0, 1, HOUR, -HOUR)]
    local = pl.Series(instants).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(name)
    shown = local.dt.replace_time_zone(None).cast(pl.Int64).to_list()
    assert [at + zone.offset(at) for at in instants] == shown
    standard = local.dt.base_utc_offset().dt.total_microseconds().to_list()
    assert [zone.standard[zone.place(at)] for at in instants] == standard


@pytest.mark.parametrize("name", ZONES)
def test_a_local_time_is_none_one_or_two_instants(name: str) -> None:
    zone = zone_of(name)
    times = [
        start + offset + step
        for start, offset in zip(zone.starts[1:], zone.offsets, strict=False)
        for step in (-HOUR, -1, 0, 1, HOUR // 4, HOUR - 1, HOUR, 2 * HOUR)
    ]
    local = pl.Series(times, dtype=pl.Int64).cast(pl.Datetime("us"))
    found = {
        fold: local.dt.replace_time_zone(name, ambiguous=fold, non_existent="null")
        .cast(pl.Int64)
        .to_list()
        for fold in ("earliest", "latest")
    }
    for place, time in enumerate(times):
        instants = zone.instants(time)
        assert (instants[0] if instants else None) == found["earliest"][place]
        assert (instants[-1] if instants else None) == found["latest"][place]


def test_what_lies_far_off_is_left_to_polars() -> None:
    with pytest.raises(Defer):
        zone_of("Europe/Berlin").offset(-6_000_000_000_000_000)
