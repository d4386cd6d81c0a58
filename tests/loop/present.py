"""A product whose history ends now, and the commands that keep it alive, as processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from sqlite3 import connect
from typing import Any

import polars as pl
import psutil

from lapwise.core.clock import MachineClock, SystemWorldClock, format_time
from lapwise.loop.acting import decide_version
from lapwise.loop.bootstrap import open_workshop
from lapwise.loop.lap import lap
from lapwise.registry import approve
from tests.loop.replays import make_product
from tests.loop.worlds import START, World

COMMAND = [sys.executable, "-c", "from lapwise.cli.main import main; main()"]
_US = pl.Datetime("us", "UTC")


def make_present(root: Path) -> World:
    """Write the small product with its 60 days ending a few minutes from now, v1 in production."""
    world = make_product(root)
    now = SystemWorldClock().now()
    shift = pl.duration(microseconds=now + 300_000_000 - _end())
    for name, times in (("orders", ("ordered_at", "published_at")), ("outcomes", ("settled_at",))):
        path = root / "data" / f"{name}.parquet"
        moved = [(pl.col(one) + shift).cast(_US) for one in times]
        pl.read_parquet(path).with_columns(moved).write_parquet(path)
    # The calendar must not come in between.
    world.edit(', lw.triggers.Schedule("0 3 * * 1")', "")
    with open_workshop(root) as opened:
        line = lap(opened, world.loop())
        assert line.state == "waiting", line.decision
        decide_version(opened, approve, "returns@v1", by="ada")
    return world


def _end() -> int:
    return int((START + timedelta(days=60)).timestamp() * 1e6)


def infer_body(request: str) -> bytes:
    """Return a request for one order of today."""
    row: dict[str, tuple[str, str | float]] = {
        "order_id": ("BYTES", f"row-{request}"),
        "customer": ("BYTES", "c007"),
        "shop": ("BYTES", "north"),
        "channel": ("BYTES", "web"),
        "amount": ("FP64", 12.5),
        "items": ("INT64", 2),
        "ordered_at": ("INT64", SystemWorldClock().now()),
    }
    inputs = [
        {"name": name, "datatype": kind, "shape": [1], "data": [value]}
        for name, (kind, value) in row.items()
    ]
    return json.dumps({"id": request, "inputs": inputs}).encode()


def ask(url: str, content: bytes | None = None) -> tuple[int, bytes]:
    """Return status and body; a refusal has both too."""
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@contextmanager
def command(world: World, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a process group of its own, as a terminal does; in the end, all of it ends."""
    process = subprocess.Popen(
        [*COMMAND, *words],
        cwd=world.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "COLUMNS": "300", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    try:
        with process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    finally:
        assert process.poll() is not None


def ctrl_c(process: subprocess.Popen[str]) -> None:
    """Do what a terminal does: everything in its foreground gets the signal."""
    os.killpg(process.pid, signal.SIGINT)


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return all that a command has started and that lives."""
    return psutil.Process(process.pid).children(recursive=True)


def left_of(family: list[psutil.Process]) -> list[str]:
    """Return what lives on of them, a moment later."""
    _, alive = psutil.wait_procs(family, timeout=10)
    return [" ".join(one.cmdline()) for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def await_that(what: Any, seconds: float = 60.0) -> Any:
    """Return what a question answers once it answers something true."""
    clock = MachineClock()
    until = clock.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert clock.monotonic() < until, f"{what} did not come true within {seconds:.0f} s"
        clock.sleep(0.05)


def holder(world: World) -> str:
    """Return who watches now: the process id of the lease's holder, or nothing."""
    with closing(connect(world.root / ".lapwise" / "lapwise.db", timeout=30)) as database:
        row = database.execute(
            "SELECT holder FROM lease WHERE name = 'watch:returns' AND expires > 0"
        ).fetchone()
    return "" if row is None else str(row[0]).partition("@")[0]


__all__ = [
    "ask",
    "await_that",
    "command",
    "ctrl_c",
    "family",
    "format_time",
    "holder",
    "infer_body",
    "left_of",
    "make_present",
]
