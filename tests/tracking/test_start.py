"""Starting a run is all or nothing."""

import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from lapwise.core.errors import (
    LapwiseError,
    NotFoundError,
    StorageFullError,
    StoreError,
    TrackingError,
)
from lapwise.core.model import KeyPart
from lapwise.store.model import Store
from lapwise.tracking.recovery import recover
from lapwise.tracking.start import start_run
from lapwise.tracking.wal import log_folder
from tests.tracking.conftest import Door


def test_a_run_says_what_it_is_of(store: Store, root: Path) -> None:
    """Lap, parent, seed and what it reads are in the record."""
    whole = start_run("e", store=store, root=root)
    whole.end()
    with start_run(
        "e",
        store=store,
        root=root,
        seed=7,
        lap="l1",
        parent=whole.number,
        datasets=[KeyPart(name="flights", digest="d" * 64)],
        split="s" * 64,
        frame="f" * 64,
        code="c" * 64,
    ) as run:
        pass
    kept = store.runs.get(str(run.number))
    assert (kept.lap, kept.parent) == ("l1", whole.id)
    capture = kept.capture
    assert capture is not None
    assert capture.seed == 7
    assert capture.datasets == (KeyPart(name="flights", digest="d" * 64),)
    assert (capture.split, capture.frame, capture.code) == ("s" * 64, "f" * 64, "c" * 64)
    assert kept == changed(run.record, status="finished", ended=kept.ended)


def changed(record: object, **changes: object) -> object:
    return msgspec.structs.replace(record, **changes)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("experiment", "params", "tags"),
    [
        ("", {}, {}),
        ("a\nb", {}, {}),
        ("e", {"p": object()}, {}),
        ("e", {"p": 2**63}, {}),
        ("e", {"p": "a\0b"}, {}),
        ("e", {"p": "\ud800"}, {}),
        ("e", {"": 1}, {}),
        ("e", {}, {"t": 1}),
        ("e", {}, {"t": "\0"}),
    ],
)
def test_bad_input_makes_no_run(
    store: Store, root: Path, experiment: str, params: dict[str, object], tags: dict[str, str]
) -> None:
    """What cannot be stored is refused before a run or a log exists."""
    with pytest.raises(TrackingError):
        start_run(experiment, store=store, root=root, params=params, tags=tags)
    assert store.runs.list() == []
    assert not log_folder(root).exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": "7"},
        {"seed": 1.0},
        {"seed": True},
        {"seed": 2**63},
        {"name": 5},
        {"params": ["lr"]},
        {"tags": ["owner"]},
        {"parent": True},
        {"parent": "nosuch"},
        {"parent": 99},
        {"resume": 1.5},
        {"resume": 99},
    ],
)
def test_what_is_of_the_wrong_type_makes_no_run(
    store: Store, root: Path, wrong: dict[str, Any]
) -> None:
    """A record that nobody could read again would hide all the others."""
    with pytest.raises((TrackingError, NotFoundError)):
        start_run("e", store=store, root=root, **wrong)
    assert store.runs.list() == []


def test_a_seed_may_be_any_whole_number(store: Store, root: Path) -> None:
    seeds: list[Any] = [np.int64(7), -1, 2**40]
    for seed in seeds:
        with start_run("e", store=store, root=root, seed=seed) as run:
            pass
        capture = store.runs.get(run.id).capture
        assert capture is not None
        assert capture.seed == seed


def test_a_project_that_cannot_be_written_makes_no_run(store: Store, root: Path) -> None:
    """A log that cannot be made is a clear error, and no run is left behind."""
    (root / ".lapwise").write_text("in the way")
    with pytest.raises(StorageFullError):
        start_run("e", store=store, root=root)
    assert store.runs.list() == []


def test_a_store_that_refuses_leaves_no_log(store: Store, root: Path) -> None:
    """When the run cannot be created, its log is removed again."""

    class Refusing:
        def create(self, run: object) -> object:
            raise StoreError("no")

    refusing = dataclasses.replace(store, runs=Refusing())  # type: ignore[arg-type]
    with pytest.raises(LapwiseError):
        start_run("e", store=refusing, root=root)
    assert not list(log_folder(root).iterdir())


def test_a_run_is_opened_again(store: Store, root: Path) -> None:
    """It keeps its number, parameters and metrics, goes on, and ends by its second process."""
    first = start_run("e", store=store, root=root, seed=1, params={"lr": 0.1})
    first.log_metric("loss", 1.0, 1)
    first.end("failed")
    with start_run("e", store=store, root=root, seed=1, resume="001", params={"lr": 0.1}) as run:
        assert (run.id, run.number) == (first.id, 1)
        going = store.runs.get(run.id)
        assert (going.status, going.ended) == ("running", None)
        assert going.beat is not None
        run.log_metric("loss", 0.5, 2)
        with pytest.raises(TrackingError, match="never changes"):
            run.log_param("lr", 0.2)
    kept = store.runs.get(first.id)
    assert kept.status == "finished"
    assert [one.step for one in store.runs.history(run.id, "loss")] == [1, 2]
    assert len(store.runs.list()) == 1
    assert kept.capture is not None
    assert kept.capture.flags == ("no-git", "resumed", "unpinned")


def test_a_run_that_goes_on_otherwise_is_flagged(store: Store, root: Path) -> None:
    """Another seed, code or environment makes it a changed one; the first capture stays."""
    start_run("e", store=store, root=root, seed=1).end("failed")
    start_run("e", store=store, root=root, seed=2, resume="1").end()
    capture = store.runs.get("1").capture
    assert capture is not None
    assert capture.seed == 1
    assert {"changed", "resumed"} <= set(capture.flags)


def test_what_cannot_be_opened_again_says_why(store: Store, root: Path) -> None:
    """A run that is going on, of another experiment, or that is not there."""
    run = start_run("e", store=store, root=root, seed=1)
    with pytest.raises(TrackingError, match="still going on") as caught:
        start_run("e", store=store, root=root, resume=run.id)
    assert f"lw.join_run('{run.id}')" in caught.value.fix
    run.end()
    with pytest.raises(TrackingError, match="another experiment"):
        start_run("f", store=store, root=root, resume=run.id)
    with pytest.raises(NotFoundError):
        start_run("e", store=store, root=root, resume="99")
    assert not list(log_folder(root).iterdir())


def test_the_late_end_of_an_earlier_process_ends_no_run_that_was_opened_again(
    store: Store, root: Path, tmp_path: Path
) -> None:
    """What a first process left on another disk is shipped, and does not crash the second one."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    first = start_run("e", store=store, root=elsewhere, seed=1)
    first.log_metric("late", 1.0)
    first.flush()
    (log,) = log_folder(elsewhere).glob("*.wal")
    kept = log.read_bytes()
    first.end("failed")
    log.write_bytes(kept)  # as if it had been killed there, and its disk was away
    with start_run("e", store=store, root=root, seed=1, resume=first.id) as second:
        (found,) = recover(store, elsewhere)
        assert (found.status, found.shipped) == ("running", True)
        second.log_metric("a", 1.0)
    assert store.runs.get(first.id).status == "finished"
    assert len(store.runs.history(first.id, "late")) == 1


def test_a_run_is_opened_again_while_the_server_is_down(
    door: Door, store: Store, root: Path
) -> None:
    """Relaunched by its id in an outage, a job trains on, and all arrives in the end."""
    first = start_run("e", store=door.store, root=root, seed=1)
    first.log_metric("loss", 1.0, 1)
    first.end("killed")
    door.shut = True
    with pytest.raises(StoreError):
        start_run("e", store=door.store, root=root, seed=1, resume="001")
    second = start_run("e", store=door.store, root=root, seed=1, resume=first.id)
    second.log_metric("loss", 0.5, 2)
    door.shut = False
    assert second.flush(20)
    assert store.runs.get(first.id).status == "running"
    second.end()
    assert store.runs.get(first.id).status == "finished"
    assert [one.step for one in store.runs.history(first.id, "loss")] == [1, 2]


def test_parts_of_a_run_are_runs(store: Store, root: Path) -> None:
    """A child has a number, parameters and an end of its own, and its parent's capture."""
    with start_run("e", store=store, root=root, seed=1, params={"lr": 0.1}) as run:
        with run.child("fold 1", params={"fold": 1}, tags={"k": "v"}) as fold:
            fold.log_metric("auc", 0.5)
            with fold.child("trial", seed=9):
                pass
        with pytest.raises(ZeroDivisionError), run.child("fold 2", params={"lr": 0.2}):
            raise ZeroDivisionError
        with start_run("e", store=store, root=root, seed=1, parent=run) as other:
            pass
        with pytest.raises(TrackingError):
            run.child("fold 3", params={"x": object()})
    kept = {one.name: one for one in store.runs.list()}
    assert {name: one.status for name, one in kept.items()} == {
        "": "finished", "fold 1": "finished", "trial": "finished", "fold 2": "failed",
    }  # fmt: skip
    assert kept["fold 1"].parent == kept["fold 2"].parent == run.id
    assert store.runs.get(other.id).parent == run.id
    assert kept["trial"].parent == kept["fold 1"].id
    assert kept["fold 1"].capture == run.record.capture
    assert kept["trial"].capture is not None
    assert kept["trial"].capture.seed == 9
    assert len(store.runs.list()) == 5
    with pytest.raises(TrackingError, match="has ended"):
        run.child("late")
