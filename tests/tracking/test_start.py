"""Starting a run is all or nothing."""

import dataclasses
from pathlib import Path

import msgspec
import pytest

from lapwise.core.errors import LapwiseError, StorageFullError, StoreError, TrackingError
from lapwise.core.model import KeyPart
from lapwise.store.model import Store
from lapwise.tracking.recovery import log_folder
from lapwise.tracking.start import start_run


def test_a_run_says_what_it_is_of(store: Store, root: Path) -> None:
    """Lap, parent, seed and what it reads are in the record."""
    with start_run(
        "e",
        store=store,
        root=root,
        seed=7,
        lap="l1",
        parent="p1",
        datasets=[KeyPart(name="flights", digest="d" * 64)],
        split="s" * 64,
        frame="f" * 64,
        code="c" * 64,
    ) as run:
        pass
    kept = store.runs.get(str(run.number))
    assert (kept.lap, kept.parent) == ("l1", "p1")
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
