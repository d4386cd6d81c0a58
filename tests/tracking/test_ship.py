"""The shipper delivers all, once, whatever the store does."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lapwise.core.clock import MachineClock
from lapwise.core.errors import StoreError
from lapwise.core.model import Metric, Param, Run
from lapwise.store.model import Runs, Store
from lapwise.tracking.deliver import deliver
from lapwise.tracking.ship import Shipper
from lapwise.tracking.wal import (
    BATCH_BYTES,
    Begin,
    End,
    Entry,
    LogWriter,
    MetricsEntry,
    ParamsEntry,
    TagsEntry,
)


class Unreliable:
    """A real store whose ``log`` fails at times, before or after it has committed."""

    def __init__(self, runs: Runs, fails: Callable[[int], str]) -> None:
        self._runs = runs
        self._fails = fails
        self.calls = 0

    def log(self, *args: Any, **kwargs: Any) -> None:
        self.calls += 1
        when = self._fails(self.calls)
        if when == "before":
            raise StoreError("the network is away")
        self._runs.log(*args, **kwargs)
        if when == "after":
            raise StoreError("the answer was lost")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runs, name)


def new_run(store: Store) -> Run:
    return store.runs.create(Run(id="r1", number=0, experiment="e", status="running", started=1))


def test_everything_arrives_once_though_answers_are_lost(store: Store, tmp_path: Path) -> None:
    """With a failure before or after every commit, each point is in the store exactly once."""
    new_run(store)
    runs: Any = Unreliable(store.runs, lambda call: ("before", "after", "")[call % 3])
    writer = LogWriter(tmp_path / "wal", Begin("r1", "s", 0))
    shipper = Shipper(runs, "r1", writer)
    for step in range(3_000):
        writer.write(MetricsEntry(step, step, {"loss": step / 2}))
        if step % 1_000 == 0:
            assert shipper.flush(20)
    assert shipper.finish(End("finished", 7), 20)
    assert runs.calls > 6
    assert [one.step for one in store.runs.history("r1", "loss")] == list(range(3_000))
    assert store.runs.get("r1").status == "finished"
    assert store.runs.get("r1").ended == 7
    assert not list((tmp_path / "wal").iterdir())


def test_a_locked_database_costs_only_delay(store: Store, tmp_path: Path) -> None:
    """While another process holds the database, writes to the log go on; later all is there."""
    new_run(store)
    writer = LogWriter(tmp_path / "wal", Begin("r1", "s", 0))
    shipper = Shipper(store.runs, "r1", writer)
    clock = MachineClock()
    other = sqlite3.connect(tmp_path / "lapwise.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begun = clock.monotonic()
    for step in range(2_000):
        writer.write(MetricsEntry(step, step, {"loss": 1.0}))
    assert clock.monotonic() - begun < 30
    assert not shipper.flush(0.5)
    other.execute("ROLLBACK")
    other.close()
    assert shipper.finish(End("finished", 1), 60)
    assert len(store.runs.history("r1", "loss")) == 2_000


def test_a_store_that_stays_away_leaves_the_log(store: Store, tmp_path: Path) -> None:
    """When the store never answers, finish gives up in time and the file is still there."""
    new_run(store)
    runs: Any = Unreliable(store.runs, lambda _: "before")
    writer = LogWriter(tmp_path / "wal", Begin("r1", "s", 0))
    shipper = Shipper(runs, "r1", writer)
    writer.write(MetricsEntry(1, 1, {"loss": 1.0}))
    clock = MachineClock()
    begun = clock.monotonic()
    assert not shipper.finish(End("finished", 1), 0.3)
    assert clock.monotonic() - begun < 30
    assert writer.path.exists()
    assert store.runs.get("r1").status == "running"


def test_a_backlog_is_shipped_in_batches(store: Store, tmp_path: Path) -> None:
    """A backlog of many batches goes out in several bounded calls."""
    new_run(store)
    sizes: list[int] = []

    class Counting:
        def log(self, run: str, *, metrics: Any, **kwargs: Any) -> None:
            sizes.append(len(metrics))
            store.runs.log(run, metrics=metrics, **kwargs)

        def __getattr__(self, name: str) -> Any:
            return getattr(store.runs, name)

    writer = LogWriter(tmp_path / "wal", Begin("r1", "s", 0))
    for step in range(30_000):
        writer.write(MetricsEntry(step, step, {"loss": 1.0}))
    counting: Any = Counting()
    assert Shipper(counting, "r1", writer).finish(End("finished", 1), 30)
    assert sum(sizes) == 30_000
    assert len(sizes) >= 3
    assert max(sizes) < BATCH_BYTES / 20


def test_another_writers_parameter_stays_and_the_rest_is_kept(store: Store) -> None:
    """A parameter that has another value already is refused by name; all else arrives."""
    new_run(store)
    store.runs.log("r1", params=(Param(name="lr", value=1),))
    batch: list[Entry] = [
        ParamsEntry({"lr": 1.0, "depth": 3}),
        MetricsEntry(1, 1, {"loss": 0.5}),
        TagsEntry({"k": "v"}),
    ]
    refused = deliver(store.runs, "r1", "b", batch)
    assert refused == ["'lr' is 1 and never changes"]
    assert deliver(store.runs, "r1", "b", batch) == []
    assert store.runs.params(["r1"])["r1"] == (
        Param(name="depth", value=3),
        Param(name="lr", value=1),
    )
    assert store.runs.history("r1", "loss") == (Metric(name="loss", value=0.5, step=1, at=1),)
    assert store.runs.tags(["r1"])["r1"][0].value == "v"


def test_a_store_that_refuses_says_so_once(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One warning is logged for an outage, not one for each attempt."""
    new_run(store)
    runs: Any = Unreliable(store.runs, lambda call: "before" if call < 4 else "")
    writer = LogWriter(tmp_path / "wal", Begin("r1", "s", 0))
    writer.write(MetricsEntry(1, 1, {"loss": 1.0}))
    assert Shipper(runs, "r1", writer).finish(End("finished", 1), 20)
    assert caplog.text.count("the network is away") == 1
