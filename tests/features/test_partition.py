"""A join in partitions gives the same bits, whoever works on them, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from lapwise.core.declaration import Table
from lapwise.core.errors import DataError, FeatureError, StorageFullError
from lapwise.core.protocols import Executor, InThisProcess
from lapwise.features import model as lw
from lapwise.features.model import FeatureView
from lapwise.features.offline.join import point_in_time
from lapwise.features.offline.partition import share_of
from lapwise.features.offline.shuffle import partitions_of, size_of
from lapwise.features.offline.sink import sink_point_in_time
from lapwise.features.offline.spill import SHARE, Spill, load
from lapwise.features.rows import rows_of
from lapwise.loop.pool import ProcessPool
from tests.features.reference import EPOCH

TABLE = Table("history", "history.parquet", key="key", event="event", known="known")
PLACES = Table("history", "history.parquet", key=("who", "key"), event="event", known="known")
VIEWS = [
    FeatureView("moving", TABLE, "who", {
        "n": lw.count(within="40us"),
        "mean": lw.mean("f", within="40us"),
        "std": lw.std("f", within="15us"),
        "last": lw.last("s", within="40us"),
        "first": lw.first("c", within="40us"),
        "rate": lw.rate("b", within="40us"),
        "most": lw.max("i", within="15us"),
    }),
    FeatureView("pair", TABLE, ("who", "s"), {"of_pair": lw.sum("i", within="40us")}),
    FeatureView("fixed", PLACES, "who", {"of_place": lw.sum("f", within="40us")}),
]  # fmt: skip


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPool]:
    """Two real processes."""
    with ProcessPool(2) as pool:
        yield pool


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which temporary files are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def history(rows: int, seed: int = 5) -> pl.DataFrame:
    """Return a table in which keys repeat, move between entities, and are retracted."""
    chance = random.Random(seed)
    events = [chance.randrange(90) if chance.random() < 0.9 else None for _ in range(rows)]
    return pl.DataFrame(
        {
            "key": [chance.randrange(rows * 2 // 3) for _ in range(rows)],
            "event": events,
            "known": [chance.randrange(9) + (event or 0) for event in events],
            "who": [chance.choice(["a", "b", "c", "d", "e", "f", None]) for _ in range(rows)],
            "f": [chance.choice([None, -0.0, float("nan"), chance.random()]) for _ in range(rows)],
            "i": [chance.randrange(-9, 9) for _ in range(rows)],
            "b": [chance.choice([True, False, None]) for _ in range(rows)],
            "s": [chance.choice(["x", "y", None]) for _ in range(rows)],
            "c": [chance.choice(["p", "q", None]) for _ in range(rows)],
        },
        schema_overrides={"c": pl.Categorical, "f": pl.Float64},
    ).with_columns(
        pl.col("event", "known").cast(pl.Datetime("us", "UTC")), pl.col("who").fill_null("none")
    )


def asked(count: int, seed: int = 6) -> pl.DataFrame:
    """Return examples, some without an entity and some of one that the table lacks."""
    chance = random.Random(seed)
    return pl.DataFrame(
        {
            "who": [chance.choice(["a", "b", "c", "d", "e", "z", None]) for _ in range(count)],
            "s": [chance.choice(["x", "y", None]) for _ in range(count)],
            "at": [EPOCH + timedelta(microseconds=chance.randrange(99)) for _ in range(count)],
            "note": [[number, number] for number in range(count)],
        },
        schema={
            "who": pl.String,
            "s": pl.String,
            "at": pl.Datetime("us", "UTC"),
            "note": pl.List(pl.Int64),
        },
    )


def memory_for(
    partitions: int, view: FeatureView, rows: pl.DataFrame, examples: pl.DataFrame, workers: int
) -> int:
    """Return a limit with which a view goes into so many partitions."""
    scan = rows_of(view, {"history": rows.lazy()}, examples.schema).scan
    size = size_of(view, scan, examples.height)
    memory = -(-size.bytes * workers // partitions)
    assert partitions_of(size, memory, workers) == partitions
    return memory


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_partitions_and_processes_change_no_bit(
    view: FeatureView, pool: ProcessPool, scratch: Path
) -> None:
    """One, two and seven partitions, in this process and in others: all as the whole."""
    rows, examples = history(600), asked(400)
    tables = {"history": rows.lazy()}
    whole = point_in_time(examples, [view], time="at", tables=tables, known=True)
    assert whole.null_count().sum_horizontal().item() < whole.width * whole.height / 2
    executors: Sequence[Executor] = (InThisProcess(), pool)
    for executor in executors:
        for partitions in (1, 2, 7):
            memory = memory_for(partitions, view, rows, examples, executor.workers)
            parted = point_in_time(
                examples,
                [view],
                time="at",
                tables=tables,
                known=True,
                memory=memory,
                executor=executor,
            )
            assert_frame_equal(parted, whole, check_exact=True)
    assert not list(scratch.iterdir())


def test_the_file_of_a_join_is_the_join(pool: ProcessPool, scratch: Path, tmp_path: Path) -> None:
    """Of any number of examples, in their order, with all their columns."""
    rows = history(600)
    tables = {"history": rows.lazy()}
    path = tmp_path / "features.parquet"
    executors: Sequence[Executor] = (InThisProcess(), pool)
    for count in (0, 1, 3000):
        examples = asked(count)
        whole = point_in_time(examples, VIEWS, time="at", tables=tables, known=True)
        for executor in executors:
            for memory in (1 << 30, 100_000):
                written = sink_point_in_time(
                    examples.lazy(),
                    VIEWS,
                    path,
                    time="at",
                    tables=tables,
                    known=True,
                    memory=memory,
                    executor=executor,
                )
                assert written == count
                assert_frame_equal(pl.read_parquet(path), whole, check_exact=True)
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["features.parquet"]
    assert not list(scratch.iterdir())


HASHES = """
import json, sys
import polars as pl
from lapwise.features.offline.partition import share_of
frame = pl.read_ipc_stream(sys.argv[1])
print(json.dumps([frame.select(share_of(columns, 4096)).to_series().to_list() for columns in (
    ["i"], ["s"], ["b"], ["d"], ["i", "s", "b", "d"])]))
"""


def test_every_process_hashes_alike(tmp_path: Path) -> None:
    """What one process sets aside, another finds: whatever its threads and its hash seed."""
    frame = pl.DataFrame(
        {
            "i": [None, *range(-500, 500)],
            "s": [None, *map(str, range(1000))],
            "b": [None, *([True, False] * 500)],
        }
    ).with_columns(d=pl.col("i").cast(pl.Date))
    frame.write_ipc_stream(tmp_path / "rows")
    found = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", HASHES, str(tmp_path / "rows")],
                env={**os.environ, "PYTHONHASHSEED": seed, "POLARS_MAX_THREADS": seed},
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for seed in ("1", "2")
    ]
    here = [
        frame.select(share_of(columns, 4096)).to_series().to_list()
        for columns in (["i"], ["s"], ["b"], ["d"], ["i", "s", "b", "d"])
    ]
    assert found == [here, here]
    assert len(set(here[0])) > 800


def test_what_is_set_aside_comes_back(tmp_path: Path) -> None:
    """Each row once, with its type, in whatever partition; a partition without rows has columns."""
    frame = history(500).with_columns(
        e=pl.Series(["u", "v"] * 250, dtype=pl.Enum(["v", "u"])),
        m=pl.Series(range(500)).cast(pl.Decimal(20, 3)),
        t=pl.Series(range(500)).cast(pl.Duration("ms")),
        nothing=None,
    )
    share = (pl.col("i") % 3 + 3).cast(pl.UInt32).alias(SHARE)
    with Spill(tmp_path / "rows", frame.schema, 7, 1 << 12) as spill:
        for part in frame.iter_slices(50):
            spill.add(part.with_columns(share))
    pieces = spill.pieces()
    assert [piece.rows for piece in pieces[:1]] == [0]
    for number, piece in enumerate(pieces):
        wanted = frame.with_columns(share).filter(pl.col(SHARE) == number).drop(SHARE)
        assert_frame_equal(load([piece]), wanted, check_row_order=False)
        assert piece.rows == wanted.height


def test_errors_in_a_partition_are_those_of_the_whole(pool: ProcessPool, scratch: Path) -> None:
    """Of the same type and in the same words, wherever it was found out."""
    view = VIEWS[0]
    examples = asked(50).with_columns(at=pl.lit(EPOCH + timedelta(microseconds=99)))
    key = pl.when(pl.int_range(600) % 200 == 7).then(None).otherwise("key")
    bad = {
        "has no key": history(600).with_columns(key=key),
        "does not fit 64-bit fixed point": history(600).with_columns(f=pl.lit(float("inf"))),
    }
    executors: Sequence[Executor] = (InThisProcess(), pool)
    for words, rows in bad.items():
        said = set()
        for executor in executors:
            for memory in (1 << 30, memory_for(3, view, rows, examples, executor.workers)):
                with pytest.raises(FeatureError) as caught:
                    point_in_time(
                        examples,
                        [view],
                        time="at",
                        tables={"history": rows.lazy()},
                        memory=memory,
                        executor=executor,
                    )
                said.add(str(caught.value))
        assert len(said) == 1
        assert all("view 'moving': " in text and "to mend:" in text for text in said), words
    assert not list(scratch.iterdir())


def test_a_file_that_vanishes_is_an_error_of_its_table(scratch: Path, tmp_path: Path) -> None:
    """It names the view and the table, whether the rows fit into memory or not."""
    rows, examples = history(600), asked(50)
    path = tmp_path / "history.parquet"
    rows.write_parquet(path)
    tables = {"history": pl.scan_parquet(path)}
    tables["history"].collect_schema()
    path.unlink()
    for memory in (1 << 30, 10_000):
        with pytest.raises(DataError, match="view 'moving': table 'history' cannot be read"):
            point_in_time(examples, VIEWS[:1], time="at", tables=tables, memory=memory)
    with pytest.raises(DataError, match="the examples cannot be read"):
        sink_point_in_time(pl.scan_parquet(path), VIEWS, tmp_path / "out", time="at", tables=tables)
    assert not list(scratch.iterdir())


class Lines:
    """Progress that is remembered."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def task(self, label: str, total: float | None = None) -> Line:
        """Open a line."""
        self.lines.append({"label": label, "total": total, "at": 0.0, "done": False})
        return Line(self.lines[-1])


class Line:
    """One of its lines."""

    def __init__(self, kept: dict[str, Any]) -> None:
        self.kept = kept

    def advance(self, amount: float = 1) -> None:
        """Add finished work."""
        self.kept["at"] += amount

    def done(self) -> None:
        """Finish the line."""
        self.kept["done"] = True


def test_progress_reaches_its_total(tmp_path: Path, scratch: Path) -> None:
    """A line for each view, one for the file, and all are finished."""
    lines = Lines()
    sink_point_in_time(
        asked(500),
        VIEWS,
        tmp_path / "out",
        time="at",
        tables={"history": history(600).filter(pl.col("key").is_not_null()).lazy()},
        memory=50_000,
        progress=lines,
    )
    assert [line["label"] for line in lines.lines] == [
        "features of view 'moving'",
        "features of view 'pair'",
        "features of view 'fixed'",
        "features written",
    ]
    assert all(line["done"] for line in lines.lines)
    assert [line["at"] for line in lines.lines] == pytest.approx(
        [line["total"] for line in lines.lines]
    )


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """Nor is there a file that looks whole."""
    with pytest.raises(StorageFullError, match="it is not possible to write"):
        sink_point_in_time(
            asked(5),
            VIEWS[:1],
            tmp_path / "no" / "such" / "out.parquet",
            time="at",
            tables={"history": history(60).lazy()},
        )
