"""Processes push at once, or are killed in between: what they leave is what a rebuild makes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import polars as pl
import pytest

from lapwise.features.online.store import OnlineStore
from tests.features.histories import CLOCKS, World, make_world, row_of
from tests.features.reference import Row
from tests.features.test_equal import forget, moments, online, require_equal
from tests.redis_server import redis_server

PUSHES = """
import sys
from pathlib import Path
import polars as pl
from lapwise.core.clock import parse_time
from lapwise.features.online.store import OnlineStore
from tests.features.histories import CLOCKS, make_world
location, rows, first, step, size = sys.argv[1:]
world = make_world(CLOCKS[0], grain=3, pair=True, text=pl.String, kinds=3)
table = pl.read_parquet(rows)
mine = [table[start:start + int(size)] for start in range(0, table.height, int(size))]
with OnlineStore.open(location if "://" in location else Path(location), keep="1d") as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for batch in mine[int(first)::int(step)]:
        store.push(world.table, batch, world.views)
        print(batch.height, flush=True)
"""


@contextmanager
def pushing(location: str, rows: Path, *numbers: int) -> Iterator[subprocess.Popen[str]]:
    """Start a process that pushes some of a file's batches once it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", PUSHES, location, str(rows), *map(str, numbers)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def go(process: subprocess.Popen[str]) -> None:
    """Tell a process to push."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def drawn_rows(random: Random, number: int) -> list[Row]:
    """Return rows of few keys, many ties and some corrections."""
    return [
        row_of(
            (
                random.randint(0, number // 2),
                random.randint(0, 60),
                random.choice([0, 1, 5, None]),
                random.choice([0, 0, 1, 2]),
                random.randint(0, 4000),
            )
        )
        for _ in range(number)
    ]


def check_whole(world: World, location: Path | str, rows: list[Row], random: Random) -> None:
    """Fail unless a store holds all rows: it equals the frame, and a rebuild of itself."""
    with OnlineStore.open(location, keep="1d") as store:
        times = [*moments(world, rows, random), 30, 61]
        for at in times:
            require_equal(online(world, store, at), world.frame(rows, at), at)
        store.materialize(world.views, world.lazy(rows), at=200, fresh=True)
        for at in times:
            require_equal(online(world, store, at), world.frame(rows, at), at)


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture(params=["lmdb", "redis"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """An empty store of each kind."""
    if request.param == "lmdb":
        return tmp_path / "online"
    return forget(request.getfixturevalue("redis"))


def prepared(location: Path | str, folder: Path, number: int, seed: int) -> tuple[World, list[Row]]:
    """Make a store with empty views, and a file of rows to be pushed."""
    world = make_world(CLOCKS[0], grain=3, pair=True, text=pl.String, kinds=3)
    rows = drawn_rows(Random(seed), number)
    world.rows(rows).write_parquet(folder / "rows.parquet")
    with OnlineStore.open(location, keep="1d") as store:
        store.materialize(world.views, world.lazy([]), at=0)
    return world, rows


def test_rows_pushed_by_two_processes_at_once(location: Path | str, tmp_path: Path) -> None:
    """Each waits for the other, and nothing is lost: the corrections of one's keys by the other too."""
    world, rows = prepared(location, tmp_path, 120, seed=5)
    file = tmp_path / "rows.parquet"
    with (
        pushing(str(location), file, 0, 2, 2) as one,
        pushing(str(location), file, 1, 2, 2) as other,
    ):
        go(one)
        go(other)
        assert [one.wait(60), other.wait(60)] == [0, 0]
    check_whole(world, location, rows, Random(5))


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(3))
def test_killed_between_pushes_and_begun_again(
    location: Path | str, tmp_path: Path, seed: int
) -> None:
    """A process is killed somewhere, again and again; then all is pushed once more."""
    world, rows = prepared(location, tmp_path, 150, seed)
    random = Random(seed)
    file = tmp_path / "rows.parquet"
    for _ in range(4):
        with pushing(str(location), file, 0, 1, random.choice([1, 3, 20])) as process:
            go(process)
            assert process.stdout is not None
            for _line in range(random.randint(0, 30)):
                process.stdout.readline()
            process.kill()
    with pushing(str(location), file, 0, 1, 7) as process:
        go(process)
        assert process.wait(60) == 0
    check_whole(world, location, rows, random)
