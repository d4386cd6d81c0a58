"""What a killed process logged is shipped by the next one: all of it, once."""

import dataclasses
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from lapwise.core.errors import StoreError
from lapwise.core.model import Run
from lapwise.store.model import Store
from lapwise.tracking.recovery import recover
from lapwise.tracking.start import start_run
from lapwise.tracking.wal import (
    Begin,
    End,
    LogWriter,
    MetricsEntry,
    TagsEntry,
    log_folder,
    store_mark,
)

VICTIM = """
import os, sys
from pathlib import Path
from lapwise.store.open import open_store
from lapwise.tracking.start import start_run

folder, pause = Path(sys.argv[1]), float(sys.argv[2])
store = open_store(f"sqlite:///{folder / 'lapwise.db'}", str(folder / "blobs"))
run = start_run("killed", store=store, root=folder / "project", seed=1, params={"lr": 0.1})
os.write(1, run.id.encode() + b"\\n")
step = 0
while True:
    run.log_metric("loss", step / 4, step)
    step += 1
    os.write(1, b".")
    if pause and step % 200 == 0:
        import time
        time.sleep(pause)
"""


def kill_and_count(folder: Path, seconds: float, pause: float) -> tuple[str, int]:
    """Start a process that logs, kill it, and return its run and how many calls had returned."""
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(folder), str(pause)], stdout=subprocess.PIPE
    )
    assert victim.stdout is not None
    run = victim.stdout.readline().decode().strip()
    assert run
    killer = threading.Timer(seconds, lambda: os.kill(victim.pid, signal.SIGKILL))
    killer.start()
    acknowledged = len(victim.stdout.read())
    victim.stdout.close()
    killer.join()
    assert victim.wait() == -signal.SIGKILL
    return run, acknowledged


def check(store: Store, root: Path, run: str, acknowledged: int) -> None:
    """Fail unless exactly what was logged is there, and the run is crashed."""
    recover(store, root)
    steps = [one.step for one in store.runs.history(run, "loss")]
    assert steps == list(range(len(steps)))
    assert acknowledged <= len(steps) <= acknowledged + 1
    ended = store.runs.get(run)
    assert ended.status == "crashed"
    assert ended.ended is not None
    assert ended.ended >= ended.started
    assert not list(log_folder(root).iterdir())


@pytest.mark.parametrize(("seconds", "pause"), [(0.1, 0.0), (0.7, 0.05)])
def test_kill_9_loses_and_doubles_nothing(
    store: Store, root: Path, tmp_path: Path, seconds: float, pause: float
) -> None:
    """Every metric whose call returned before SIGKILL is in the store once after a recovery."""
    run, acknowledged = kill_and_count(tmp_path, seconds, pause)
    assert acknowledged > 10
    check(store, root, run, acknowledged)


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_fifty_kills_lose_and_double_nothing(store: Store, root: Path, tmp_path: Path) -> None:
    """The same at fifty random moments, with shipping going on."""
    moments = random.Random(7)
    total = 0
    for _ in range(50):
        run, acknowledged = kill_and_count(tmp_path, moments.uniform(0.01, 0.8), 0.01)
        check(store, root, run, acknowledged)
        total += acknowledged
    assert total > 5_000


def dead_log(store: Store, root: Path, *entries: MetricsEntry | End | TagsEntry) -> Path:
    """Write the log of a run whose process is gone."""
    store.runs.create(Run(id="r1", number=0, experiment="e", status="running", started=1))
    writer = LogWriter(log_folder(root), Begin("r1", store_mark(store.url), 1))
    for entry in entries:
        writer.write(entry)
    writer.close()
    return writer.path


def test_a_torn_frame_is_told(store: Store, root: Path) -> None:
    """The recovery says that the last frame was torn, and ships all before it."""
    path = dead_log(store, root, MetricsEntry(1, 1, {"a": 1.0}), MetricsEntry(2, 2, {"a": 2.0}))
    os.truncate(path, path.stat().st_size - 1)
    (found,) = recover(store, root)
    assert found.damaged
    assert found.shipped
    assert (found.run, found.entries, found.status) == ("r1", 1, "crashed")
    assert [one.step for one in store.runs.history("r1", "a")] == [1]


def test_an_end_that_was_logged_is_kept(store: Store, root: Path) -> None:
    """A run that ended while the store was away ends as it said, when it said."""
    dead_log(store, root, MetricsEntry(1, 1, {"a": 1.0}), End("failed", 77))
    (found,) = recover(store, root)
    assert found.status == "failed"
    assert store.runs.get("r1").ended == 77
    assert recover(store, root) == ()


def test_a_living_run_is_left_alone(store: Store, root: Path) -> None:
    """A log whose writer lives is neither read nor removed, even in the same process."""
    with start_run("e", store=store, root=root, seed=1) as run:
        run.log_metric("a", 1)
        assert recover(store, root) == ()
        run.log_metric("a", 2)
    assert [one.value for one in store.runs.history(run.id, "a")] == [1.0, 2.0]


def test_another_stores_log_is_left_alone(store: Store, root: Path) -> None:
    """A log that belongs to another store stays where it is."""
    writer = LogWriter(log_folder(root), Begin("r9", store_mark("postgresql://other/db"), 1))
    writer.write(MetricsEntry(1, 1, {"a": 1.0}))
    writer.close()
    assert recover(store, root) == ()
    assert writer.path.exists()


def test_credentials_are_no_part_of_a_stores_mark() -> None:
    """A changed password does not orphan a log."""
    assert store_mark("postgresql://a:b@host/db") == store_mark("postgresql://a:c@host/db")
    assert store_mark("postgresql://host/db") != store_mark("postgresql://host/other")


def test_a_log_without_its_run_waits(store: Store, root: Path) -> None:
    """A log of a run that the store does not have stays and says why; an empty one goes."""
    mark = store_mark(store.url)
    full = LogWriter(log_folder(root), Begin("gone", mark, 1))
    full.write(MetricsEntry(1, 1, {"a": 1.0}))
    full.close()
    empty = LogWriter(log_folder(root), Begin("never", mark, 1))
    empty.close()
    (found,) = recover(store, root)
    assert not found.shipped
    assert "no run" in found.note
    assert full.path.exists()
    assert not empty.path.exists()


def test_a_log_of_a_run_opened_again_that_is_not_there_waits(store: Store, root: Path) -> None:
    """An id that somebody mistyped while the store was away; an empty log is nobody's loss."""
    logs = []
    for entries in ((MetricsEntry(1, 1, {"a": 1.0}),), ()):
        writer = LogWriter(log_folder(root), Begin("r9", store_mark(store.url), 1, "resumed"))
        for entry in entries:
            writer.write(entry)
        writer.seal(End("finished", 2))
        writer.close()
        logs.append(writer.path)
    (found,) = recover(store, root)
    assert (found.shipped, found.entries) == (False, 1)
    assert "there is no run" in found.note
    assert [path.exists() for path in logs] == [True, False]


def test_a_store_that_is_away_keeps_the_log(store: Store, root: Path) -> None:
    """A recovery that fails says why, raises nothing, and the next one succeeds."""
    path = dead_log(store, root, MetricsEntry(1, 1, {"a": 1.0}))
    lost = {"left": 1}
    log = store.runs.log

    class Away:
        def log(self, *args: object, **kwargs: object) -> None:
            if lost["left"]:
                lost["left"] -= 1
                log(*args, **kwargs)  # type: ignore[arg-type]
                raise StoreError("the answer was lost")
            log(*args, **kwargs)  # type: ignore[arg-type]

        def __getattr__(self, name: str) -> object:
            return getattr(store.runs, name)

    away = dataclasses.replace(store, runs=Away())  # type: ignore[arg-type]
    (found,) = recover(away, root)
    assert not found.shipped
    assert "the answer was lost" in found.note
    assert path.exists()
    (found,) = recover(away, root)
    assert found.shipped
    assert len(store.runs.history("r1", "a")) == 1


def test_what_never_became_a_log_is_tidied_away(store: Store, root: Path) -> None:
    """A file whose writer died before its first frame was whole is removed."""
    log_folder(root).mkdir(parents=True)
    stale = log_folder(root) / "x.new"
    stale.write_bytes(b"\x01")
    recover(store, root)
    assert not stale.exists()
