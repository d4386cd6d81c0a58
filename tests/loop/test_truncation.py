"""The future changes nothing: laps and scores as of a day need only what was known by then."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from lapwise.loop.score import score
from tests.loop.worlds import World, make_world

DAY = "2024-02-20"
BEFORE = pl.lit(DAY).str.to_datetime(time_zone="UTC")
"""What was known before this instant is left."""


def test_truncated(tmp_path: Path) -> None:
    """A lap as of a day is the same, to the bit, when all input known later is deleted."""
    whole = make_world(tmp_path / "whole")
    cut = make_world(tmp_path / "cut")
    for name, known in (("orders", "published_at"), ("outcomes", "settled_at")):
        path = cut.root / "data" / f"{name}.parquet"
        rows = pl.read_parquet(path)
        left = rows.filter(pl.col(known) < BEFORE)
        assert 500 < left.height < rows.height
        left.write_parquet(path)
    lines = [one.lap(DAY) for one in (whole, cut)]
    assert lines[0].metrics == lines[1].metrics
    assert lines[0].verdicts == lines[1].verdicts
    assert lines[0].split == lines[1].split
    versions = []
    for one in (whole, cut):
        with one.workshop(DAY) as opened:
            versions.append(opened.store.models.get("returns"))
    assert versions[0].digest == versions[1].digest
    assert versions[0].threshold == versions[1].threshold
    assert answers(whole).equals(answers(cut))


def answers(world: World) -> pl.DataFrame:
    """Score the same orders as of the day before."""
    orders = pl.read_parquet(world.root / "data" / "orders.parquet")
    asked = orders.filter(pl.col("ordered_at").is_between(BEFORE - pl.duration(days=1), BEFORE))
    with world.workshop(DAY) as opened:
        version = opened.store.models.get("returns")
        scored, _ = score(opened, version, asked, loop=world.loop())
    return scored.select("order_id", "score", "decision")
