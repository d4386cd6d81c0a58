"""A join in partitions that is killed, interrupted or finds no room says so, and leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest
from polars.testing import assert_frame_equal

from lapwise.core.declaration import Table
from lapwise.core.errors import FeatureError
from lapwise.features import model as lw
from lapwise.features.model import FeatureView
from lapwise.features.offline.join import point_in_time
from lapwise.loop.pool import ProcessPool

TABLE = Table("history", "history.parquet", key="key", event="event", known="known")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which temporary files are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def large(rows: int) -> dict[str, pl.LazyFrame]:
    """Return a table on which work takes a while."""
    number = pl.int_range(rows, dtype=pl.Int64)
    frame = pl.select(
        key=number % (rows - 100),
        event=(number * 7919 % 1000).cast(pl.Datetime("us", "UTC")),
        known=(number * 7919 % 1000 + 5).cast(pl.Datetime("us", "UTC")),
        who=number * 31 % 1000,
        f=(number % 97).cast(pl.Float64),
    )
    return {"history": frame.lazy()}


LARGE = FeatureView("large", TABLE, "who", {"std": lw.std("f", within="900us")})


def of_large(count: int) -> pl.DataFrame:
    """Return examples of it."""
    number = pl.int_range(count, dtype=pl.Int64)
    return pl.select(who=number % 1000, at=(number % 1500).cast(pl.Datetime("us", "UTC")))


def test_a_killed_worker_is_an_error_that_names_the_view(scratch: Path) -> None:
    """And no temporary file stays; the pool works on with another process."""
    tables, examples = large(300_000), of_large(5000)

    others = {child.pid for child in psutil.Process().children()}

    def kill_one() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            for child in psutil.Process().children():
                if child.pid not in others:
                    child.kill()
                    return
            time.sleep(0.001)

    with ProcessPool(2) as pool:
        options: dict[str, Any] = {
            "time": "at", "tables": tables, "memory": 20 << 20, "executor": pool,
        }  # fmt: skip
        killer = threading.Thread(target=kill_one)
        killer.start()
        with pytest.raises(FeatureError, match=r"view 'large': a process .* died(?s:.*)memory="):
            point_in_time(examples, [LARGE], **options)
        killer.join()
        assert not list(scratch.iterdir())
        again = point_in_time(examples, [LARGE], **options)
    whole = point_in_time(examples, [LARGE], time="at", tables=tables)
    assert_frame_equal(again, whole, check_exact=True)
    assert not list(scratch.iterdir())


PROGRAM = """
import resource, sys
from tests.features.test_shuffle import LARGE, large, of_large
from lapwise.features.offline.join import point_in_time
from lapwise.loop.pool import ProcessPool
if sys.argv[1] == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
with ProcessPool(2) as pool:
    print("begin", flush=True)
    point_in_time(of_large(5000), [LARGE], time="at", tables=large(2_000_000), memory=40 << 20,
                  executor=pool if sys.argv[2] == "pool" else None)
print("end", flush=True)
"""


@pytest.mark.parametrize("where", ["here", "pool"])
def test_ctrl_c_leaves_nothing_behind(where: str, scratch: Path) -> None:
    """No temporary file, and no process; it ends within seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "interrupt", where],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begin\n"
    stage = "large.settled-*" if where == "here" else "large.features-*"
    until = time.monotonic() + 60
    while not list(scratch.glob(f"lapwise-*/{stage}")) and time.monotonic() < until:
        time.sleep(0.005)
    children = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    assert process.returncode != 0
    assert not list(scratch.iterdir())
    assert not psutil.wait_procs(children, timeout=30)[1]


@pytest.mark.parametrize("where", ["here", "pool"])
def test_a_full_disk_is_an_error_with_a_way_out(where: str, scratch: Path) -> None:
    """A file may not grow beyond a limit, as on a full disk: what was written is cleared away."""
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, "full", where],
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert "StorageFullError: there is no room to write" in process.stderr
    assert "TMPDIR" in process.stderr
    assert not list(scratch.iterdir())
