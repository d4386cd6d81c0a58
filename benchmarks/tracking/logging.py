"""What one logged metric costs, beside the floor: a bare append and a bare SQLite insert.

Medians over rounds that alternate, so that a busy machine slows all of them alike. Every point of
every round is counted in the store; another process is killed with ``kill -9`` right after its last
call, and recovered.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.table import table
from lapwise.core.clock import MachineClock
from lapwise.store.model import Store
from lapwise.store.open import open_store
from lapwise.tracking.capturing import capture
from lapwise.tracking.recovery import recover
from lapwise.tracking.start import start_run

POINTS = 10_000
MANY = 200_000
ROUNDS = 7
CLOCK = MachineClock()


@dataclass(frozen=True, slots=True)
class Logged:
    """Microseconds of one call, and points a second until all of them are in the store."""

    call: float
    rate: float


def time_bare_append(folder: Path) -> float:
    """Return microseconds for one ``os.write`` of as many bytes as a frame has."""
    frame = b"x" * 35
    fd = os.open(folder / "bare.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    begun = CLOCK.monotonic()
    for _ in range(POINTS):
        os.write(fd, frame)
    spent = CLOCK.monotonic() - begun
    os.close(fd)
    return spent / POINTS * 1e6


def time_bare_insert(folder: Path) -> float:
    """Return microseconds for one committed row in SQLite (WAL, synchronous=NORMAL)."""
    connection = sqlite3.connect(folder / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE IF NOT EXISTS m (run, name, step, value, at)")
    begun = CLOCK.monotonic()
    for step in range(POINTS):
        connection.execute("INSERT INTO m VALUES (1, 'loss', ?, 0.5, 1)", (step,))
    spent = CLOCK.monotonic() - begun
    connection.close()
    return spent / POINTS * 1e6


def time_log_metric(store: Store, folder: Path, points: int) -> tuple[float, float]:
    """Return microseconds for one ``log_metric``, and points a second until all are stored."""
    run = start_run("bench", store=store, root=folder, seed=7)
    begun = CLOCK.monotonic()
    for step in range(points):
        run.log_metric("loss", 0.5, step)
    spent = CLOCK.monotonic() - begun
    run.end()
    total = CLOCK.monotonic() - begun
    assert len(store.runs.history(run.id, "loss")) == points
    return spent / points * 1e6, points / total


VICTIM = """
import os, sys
from pathlib import Path
from lapwise.core.clock import MachineClock
from lapwise.store.open import open_store
from lapwise.tracking.start import start_run
folder, points = Path(sys.argv[1]), int(sys.argv[2])
clock = MachineClock()
store = open_store(f"sqlite:///{folder / 'lapwise.db'}", str(folder / "blobs"))
run = start_run("bench", store=store, root=folder, seed=7)
begun = clock.monotonic()
for step in range(points):
    run.log_metric("loss", 0.5, step)
spent = clock.monotonic() - begun
os.write(1, f"{run.id} {spent / points * 1e6}".encode())
os.kill(os.getpid(), 9)
"""


def time_killed(store: Store, folder: Path) -> tuple[float, int]:
    """Return microseconds for one call, and how many of the points are there after ``kill -9``."""
    victim = [sys.executable, "-c", VICTIM, str(folder), str(POINTS)]
    done = subprocess.run(victim, stdout=subprocess.PIPE, check=False)
    assert done.returncode == -signal.SIGKILL
    run, spent = done.stdout.decode().split()
    recover(store, folder)
    return float(spent), len(store.runs.history(run, "loss"))


def time_capture(store: Store) -> float:
    """Return milliseconds to capture this checkout."""
    begun = CLOCK.monotonic()
    capture(Path(__file__).parents[2], keep=store.blobs.put, seed=7)
    return (CLOCK.monotonic() - begun) * 1e3


def measure_logging(folder: Path) -> Logged:
    """Measure, and print a table."""
    with open_store(f"sqlite:///{folder / 'lapwise.db'}", str(folder / "blobs")) as store:
        appends, inserts, logs, captures = [], [], [], []
        for _ in range(ROUNDS):
            appends.append(time_bare_append(folder))
            inserts.append(time_bare_insert(folder))
            logs.append(time_log_metric(store, folder, POINTS)[0])
            captures.append(time_capture(store))
        killed = [time_killed(store, folder) for _ in range(3)]
        sustained = [time_log_metric(store, folder, MANY) for _ in range(3)]
    floor = median(appends)
    rows = [
        ("bare os.write, nothing but an append", floor),
        ("bare SQLite insert, WAL, synchronous=NORMAL", median(inserts)),
        (f"log_metric, of {POINTS:,}", median(logs)),
        (f"log_metric, of {MANY:,}", median(one[0] for one in sustained)),
    ]
    print(table(["one logged metric", "µs", "x append"], [(*row, row[1] / floor) for row in rows]))
    found = " and ".join(f"{found:,}" for _, found in killed)
    print(f"\nafter kill -9, three times, {found} of {POINTS:,} points were there")
    print(f"capture of this checkout when a run starts: {median(captures):,.0f} ms\n")
    return Logged(median(logs), median(one[1] for one in sustained))
