"""Tables and examples larger than the limit are joined within it, by one process or several."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

pytestmark = [pytest.mark.prove, pytest.mark.timeout(900)]

_AHEAD = 400 << 20
"""Bytes for the libraries and for what Polars reads ahead, whatever the limit."""


JOIN = """
import json, sys
from pathlib import Path
import polars as pl
from lapwise.core.declaration import Table
from lapwise.features import FeatureView, last, mean, sink_point_in_time, std
from lapwise.loop.pool import ProcessPool
folder, memory, workers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
table = Table("events", "events.parquet", key="id", event="event", known="known")
view = FeatureView("v", table, "who", {
    "mean": mean("x", within="90d"), "std": std("y", within="90d"), "last": last("z", within="90d")})
def peak(process):  # of this program, not of its parent
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
with ProcessPool(max(workers, 1)) as pool:
    sink_point_in_time(
        pl.scan_parquet(folder / "examples.parquet"), [view], folder / f"of-{memory}-{workers}",
        time="at", tables={"events": pl.scan_parquet(folder / "events.parquet")}, memory=memory,
        executor=pool if workers else None)
    children = Path("/proc/self/task").glob("*/children")
    pids = [pid for file in children for pid in file.read_text().split()]
    print(json.dumps([peak("self"), *(peak(pid) for pid in pids)]))
"""


def test_tables_and_examples_larger_than_the_limit_are_joined_within_it(tmp_path: Path) -> None:
    """Rows take four times the limit, examples more than it: the peak stays near it.

    Beside the limit there is what Polars reads ahead, a few hundred megabytes for any table.
    """
    limit, rows, count = 1 << 29, 10_000_000, 7_000_000
    number = pl.int_range(rows, dtype=pl.Int64)
    start = pl.lit("2013-01-01").str.to_datetime(time_zone="UTC")
    event = start + pl.duration(minutes=number * 7919 % 525_600)
    pl.select(
        (number % (rows - 50_000)).alias("id"),
        (number * 104_729 % 200_000).alias("who"),
        event.alias("event"),
        (event + pl.duration(minutes=number % 120)).alias("known"),
        *(
            (number * step % 1000).cast(pl.Float64).alias(name)
            for name, step in (("x", 31), ("y", 37), ("z", 41))
        ),
    ).write_parquet(tmp_path / "events.parquet", row_group_size=250_000)
    number = pl.int_range(count, dtype=pl.Int64)
    examples = pl.select(
        *((number * step).alias(name) for name, step in (("a", 3), ("b", 5), ("c", 7), ("d", 9))),
        (number * 7 % 200_000).alias("who"),
        (start + pl.duration(minutes=number * 977 % 525_600)).alias("at"),
        pl.concat_str(pl.lit("the text of the number "), number).alias("note"),
    )
    assert examples.estimated_size() > limit
    examples.write_parquet(tmp_path / "examples.parquet", row_group_size=250_000)
    del examples
    peaks = {
        (memory, workers): json.loads(
            subprocess.run(
                [sys.executable, "-c", JOIN, str(tmp_path), str(memory), str(workers)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for memory, workers in ((64 << 30, 0), (limit, 0), (limit, 2))
    }
    whole, parted, pooled = (
        pl.scan_parquet(tmp_path / f"of-{memory}-{workers}") for memory, workers in peaks
    )
    for other in (parted, pooled):
        differ = pl.concat(
            [whole.select(pl.all().hash()), other.select(pl.all().hash().name.suffix("_"))],
            how="horizontal",
        ).select(
            pl.any_horizontal(pl.col(n) != pl.col(f"{n}_") for n in whole.collect_schema()).sum()
        )
        assert differ.collect(engine="streaming").item() == 0
    assert peaks[limit, 0][0] < limit + _AHEAD
    parent, *children = peaks[limit, 2]
    assert len(children) == 2
    assert parent < limit + _AHEAD
    assert max(children) < limit / 2 + _AHEAD
