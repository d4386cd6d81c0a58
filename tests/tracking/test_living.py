"""A run lives while its process does, whatever its store is up to."""

import hashlib
import logging
import threading
from functools import partial
from pathlib import Path

import pytest

from lapwise.core.clock import MachineClock
from lapwise.core.errors import AccessError, ConflictError, DeclarationError, TrackingError
from lapwise.store.model import Store
from lapwise.tracking import deliver, living
from lapwise.tracking.recovery import recover
from lapwise.tracking.spool import spool_folder
from lapwise.tracking.start import join_run, start_run
from lapwise.tracking.wal import log_folder
from tests.tracking.conftest import Door, eventually


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up at the end of a run sooner than people would."""
    monkeypatch.setattr(living, "AWAY", 0.3)
    monkeypatch.setattr(living, "PATIENCE", 1.5)


def test_a_run_beats_at_once_and_then_every_ten_seconds(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store knows within moments that the process lives, and is told again and again."""
    monkeypatch.setattr(living, "BEAT", 0.3)
    beats: list[int | None] = []
    with start_run("e", store=store, root=root, seed=1) as run:
        begun = store.runs.get(run.id).beat
        for _ in range(2):
            eventually(lambda: store.runs.get(run.id).beat not in {begun, *beats})
            beats.append(store.runs.get(run.id).beat)
    assert None not in beats


def test_a_run_starts_though_the_server_is_down(
    door: Door, store: Store, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It has no number, all is logged, and all is in the store once the server is back."""
    door.shut = True
    (root / "model.bin").write_bytes(b"weights" * 1000)
    run = start_run("e", store=door.store, root=root, seed=1, params={"lr": 0.1})
    assert (run.number, run.label) == (0, "run (waiting)")
    assert "training goes on" in caplog.text
    for step in range(1_000):
        run.log_metric("loss", 0.5, step)
    run.log_artifact(root / "model.bin")
    run.log_text("notes.txt", "ü")
    (root / "model.bin").write_bytes(b"overwritten")
    assert not run.flush(0.5)
    assert store.runs.list() == []
    door.shut = False
    assert run.flush(20)
    assert (run.number, run.label) == (1, "run 001")
    assert run.record.capture is not None
    run.end()
    kept = store.runs.get(run.id)
    assert (kept.status, kept.capture) == ("finished", run.record.capture)
    assert [one.step for one in store.runs.history(run.id, "loss")] == list(range(1_000))
    artifacts = {one.name: store.blobs.get(one.digest) for one in store.runs.artifacts(run.id)}
    assert artifacts == {"model.bin": b"weights" * 1000, "notes.txt": "ü".encode()}
    assert kept.capture is not None
    assert store.blobs.has(kept.capture.packages)
    assert not list(spool_folder(root).iterdir())
    assert not list(log_folder(root).iterdir())


def test_what_a_whole_run_logged_without_a_server_waits_for_the_next(
    door: Door, store: Store, root: Path
) -> None:
    """The end does not wait long, and the next start ships all of it in the background."""
    door.shut = True
    clock = MachineClock()
    with start_run("e", store=door.store, root=root, seed=1) as run:
        run.log_metric("a", 1.0)
        run.log_text("notes.txt", "x")
        begun = clock.monotonic()
    assert clock.monotonic() - begun < 40
    assert len(list(log_folder(root).iterdir())) == 1
    door.shut = False
    with start_run("e", store=door.store, root=root, seed=1) as second:
        eventually(lambda: len(list(log_folder(root).glob("*.wal"))) == 1)
    assert store.runs.get(run.id).status == "finished"
    assert len(store.runs.history(run.id, "a")) == 1
    assert [one.name for one in store.runs.artifacts(run.id)] == ["notes.txt"]
    assert second.number != store.runs.get(run.id).number


@pytest.mark.parametrize("refusal", [AccessError("not yours"), ConflictError("it is archived")])
def test_a_refusal_is_no_outage(door: Door, store: Store, root: Path, refusal: Exception) -> None:
    """A server that says no is an error at the start, and leaves no log."""
    door.refusal = refusal
    with pytest.raises(type(refusal)):
        start_run("e", store=door.store, root=root, seed=1)
    door.refusal = None
    eventually(lambda: not list(log_folder(root).iterdir()))
    assert store.runs.list() == []
    assert recover(door.store, root) == ()


def test_numbers_never_wait_for_files(door: Door, store: Store, root: Path) -> None:
    """While a file takes long to travel, the run beats and its metrics arrive; the end waits for it."""
    door.held = {"put_file": threading.Event()}
    with start_run("e", store=door.store, root=root, seed=1) as run:
        run.log_text("large.txt", "x")
        eventually(lambda: "put_file" in door.calls)
        run.log_metric("a", 1.0)
        eventually(lambda: store.runs.history(run.id, "a"))
        assert store.runs.artifacts(run.id) == ()
        threading.Timer(0.2, door.held["put_file"].set).start()
    assert [one.name for one in store.runs.artifacts(run.id)] == ["large.txt"]
    assert store.runs.get(run.id).status == "finished"


def test_a_file_that_the_store_never_takes_keeps_back_no_run(
    door: Door, store: Store, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One that is too large for it is said to be lost, in a warning and a tag; the rest arrives."""
    with start_run("e", store=door.store, root=root, seed=1) as run:
        assert run.flush()
        door.refusals["put_file"] = DeclarationError("a blob is too large")
        run.log_text("large.txt", "x")
        eventually(lambda: "'large.txt' is not kept: a blob is too large" in caplog.text)
        door.refusals.clear()
        run.log_text("small.txt", "y")
    assert [one.name for one in store.runs.artifacts(run.id)] == ["small.txt"]
    (tag,) = store.runs.tags([run.id])[run.id]
    assert (tag.name, tag.value) == ("lapwise.lost", "'large.txt' is not kept: a blob is too large")
    assert store.runs.get(run.id).status == "finished"


def test_threads_end_with_their_run(door: Door, root: Path) -> None:
    """Neither shipper nor uploader outlives a run."""
    before = {one.name for one in threading.enumerate()}
    for _ in range(3):
        with start_run("e", store=door.store, root=root, seed=1) as run:
            run.log_text("a.txt", "x")
    eventually(lambda: {one.name for one in threading.enumerate()} <= before)


def test_the_same_file_of_two_runs_is_kept_once_and_lost_by_none(
    door: Door, store: Store, root: Path
) -> None:
    """Two runs that wait with equal bytes both have their artifact, whoever is shipped first."""
    door.shut = True
    runs = []
    for name in ("a.txt", "b.txt"):
        with start_run("e", store=door.store, root=root, seed=1) as run:
            run.log_text(name, "the same")
        runs.append(run)
    door.shut = False
    assert [one.shipped for one in recover(door.store, root)] == [True, True]
    names = [one.name for run in runs for one in store.runs.artifacts(run.id)]
    assert names == ["a.txt", "b.txt"]
    assert not list(spool_folder(root).iterdir())


def test_a_recovery_tries_a_server_that_is_down_once(door: Door, root: Path) -> None:
    """After the first log that gets no answer the others are left waiting."""
    door.shut = True
    for _ in range(3):
        start_run("e", store=door.store, root=root, seed=1).end()
    door.calls.clear()
    found = recover(door.store, root)
    assert [one.waits for one in found] == [True, True, True]
    assert door.calls == ["create"]


def _was_said(caplog: pytest.LogCaptureFixture, times: int) -> bool:
    return caplog.text.count("did not take") == times


def test_an_outage_costs_delay_and_nothing_else(
    door: Door, store: Store, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that comes and goes takes each point once, and is complained of once an outage."""
    run = start_run("e", store=door.store, root=root, seed=1)
    for hour in range(3):
        door.shut = True
        for step in range(500):
            run.log_metric("loss", 1.0, 500 * hour + step)
        eventually(partial(_was_said, caplog, hour + 1))
        door.shut = False
        assert run.flush(20)
    run.end()
    assert [one.step for one in store.runs.history(run.id, "loss")] == list(range(1_500))
    assert caplog.text.count("did not take") == 3


def test_more_than_a_server_takes_at_once_is_cut(
    door: Door, store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call with very many metrics, or with very long parameters, arrives in portions, once."""
    monkeypatch.setattr(deliver, "MANY", 1_000)
    monkeypatch.setattr(deliver, "TEXTS", 100_000)
    with start_run("e", store=door.store, root=root, seed=1) as run:
        run.flush()
        door.calls.clear()
        run.log_metrics({f"m{number}": 1.0 for number in range(2_500)})
        run.log_params({f"p{number}": "x" * 6_000 for number in range(40)})
    assert door.calls.count("log") >= 6
    assert len(store.runs.metrics([run.id])[run.id]) == 2_500
    assert len(store.runs.params([run.id])[run.id]) == 40


def test_artifacts_of_a_near_store_do_not_wait_in_a_spool(store: Store, root: Path) -> None:
    """They are in the blob store when the call returns."""
    run = start_run("e", store=store, root=root, seed=1)
    run.log_text("a.txt", "b")
    assert not spool_folder(root).exists()
    run.end()
    assert len(store.runs.artifacts(run.id)) == 1


def test_a_large_file_is_kept_in_constant_memory_and_as_it_was(
    door: Door, store: Store, root: Path
) -> None:
    """What travels is the file as it was logged, though it is overwritten at once."""
    file = root / "checkpoint.bin"
    content = hashlib.shake_128(b"x").digest(40_000_000)
    file.write_bytes(content)
    with start_run("e", store=door.store, root=root, seed=1) as run:
        run.log_artifact(file, "models/checkpoint.bin")
        with file.open("r+b") as again:
            again.write(b"overwritten in place")
    (artifact,) = store.runs.artifacts(run.id)
    assert store.blobs.get(artifact.digest) == content
    assert artifact.size == len(content)


def test_guests_log_and_do_not_end_the_run(store: Store, root: Path) -> None:
    """A run that was joined goes on when the guest leaves, also when it leaves with an error."""
    run = start_run("e", store=store, root=root, seed=1, params={"lr": 0.1})
    assert run.flush()
    with join_run(run.id, store=store, root=root) as guest:
        guest.log_metric("guest", 1.0)
        with pytest.raises(TrackingError, match="never changes"):
            guest.log_param("lr", 0.2)
    with pytest.raises(ZeroDivisionError), join_run(str(run.number), store=store, root=root):
        raise ZeroDivisionError
    assert store.runs.get(run.id).status == "running"
    run.log_metric("own", 1.0)
    run.end()
    assert {one.name for one in store.runs.metrics([run.id])[run.id]} == {"guest", "own"}
    assert [one.name for one in store.runs.artifacts(run.id)] == ["error.txt"]
    with pytest.raises(TrackingError, match="has ended"):
        join_run(run.id, store=store, root=root)
    assert not list(log_folder(root).iterdir())


def test_a_guest_may_come_while_the_run_itself_waits(door: Door, store: Store, root: Path) -> None:
    """With the server down, a run is joined by its id; guests and host arrive in any order."""
    door.shut = True
    run = start_run("e", store=door.store, root=root, seed=1)
    guest = join_run(run.id, store=door.store, root=root)
    guest.log_metric("guest", 1.0)
    guest.end()
    run.log_metric("own", 1.0)
    run.end()
    door.shut = False
    assert all(one.shipped for one in recover(door.store, root))
    assert {one.name for one in store.runs.metrics([run.id])[run.id]} >= {"guest", "own"}
    assert store.runs.get(run.id).status == "finished"


def test_system_metrics_come_soon_and_can_be_left_out(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short run has a sample of processor, memory and disk; steps are seconds since the start."""
    monkeypatch.setattr(living, "FIRST", 0.2)
    with start_run("e", store=store, root=root, seed=1) as run:
        eventually(lambda: len(store.runs.metrics([run.id])[run.id]) >= 5)
    found = {one.name: one for one in store.runs.metrics([run.id])[run.id]}
    assert {"system/cpu", "system/memory", "system/disk", "system/process_memory"} <= set(found)
    assert 10 < found["system/process_memory"].value < 100_000
    assert 0 <= found["system/cpu"].value <= 100
    assert found["system/cpu"].step < 60
    before = threading.active_count()
    with start_run("e", store=store, root=root, seed=1, system_metrics=False) as run:
        assert threading.active_count() == before + 1
        run.flush()
    assert store.runs.metrics([run.id])[run.id] == ()


def test_linear_algebra_that_came_later_is_recorded(store: Store, root: Path) -> None:
    """BLAS is known though NumPy was loaded after the start: it is asked again at the end."""
    run = start_run("e", store=store, root=root, seed=1)
    capture = run.record.capture
    assert capture is not None
    import numpy as np

    np.zeros(1)
    run.end()
    kept = store.runs.get(run.id).capture
    assert kept is not None
    assert any("threads" in str(one.value) for one in kept.blas)


def test_seeding_is_recorded(store: Store, root: Path) -> None:
    """seed_everything seeds what is loaded, says with what, and takes the flag away."""
    import random

    import numpy as np

    run = start_run("e", store=store, root=root)
    with pytest.raises(TrackingError, match="not a seed"):
        run.seed_everything()
    assert run.seed_everything(7) == 7
    drawn = random.random(), float(np.random.rand())  # noqa: NPY002 - the generator that is seeded
    assert run.seed_everything() == 7
    assert drawn == (random.random(), float(np.random.rand()))  # noqa: NPY002 - as above
    run.end()
    kept = store.runs.get(run.id).capture
    assert kept is not None
    assert kept.seed == 7
    assert "unseeded" not in kept.flags
    assert {one.name: one.value for one in kept.seeds} == {
        "PYTHONHASHSEED": next(one.value for one in kept.seeds if one.name == "PYTHONHASHSEED"),
        "random": 7,
        "numpy": 7,
        "seed": 7,
    }


def test_a_disk_without_room_for_the_spool_costs_a_wait(
    door: Door, store: Store, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Then a file goes to the store at once."""
    run = start_run("e", store=door.store, root=root, seed=1)
    run.flush()
    (root / "a.txt").write_text("x")
    folder = spool_folder(root)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("in the way")
    with caplog.at_level(logging.WARNING), pytest.raises(Exception, match="cannot be written"):
        run.log_text("b.txt", "small things are refused")
    run.end()
