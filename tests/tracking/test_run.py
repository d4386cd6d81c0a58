"""A run takes what training code logs, and never stops it for a bad number."""

import logging
import resource
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from lapwise.core.errors import TrackingError
from lapwise.core.model import Param, Tag
from lapwise.store.model import Store
from lapwise.tracking.run import ActiveRun
from lapwise.tracking.start import start_run


@pytest.fixture
def run(store: Store, root: Path) -> ActiveRun:
    """Start a run that the test ends."""
    return start_run("e", store=store, root=root, seed=1)


def test_all_that_is_logged_is_in_the_store_at_the_end(store: Store, root: Path) -> None:
    """Params, metrics, tags, files and texts of a with block are there right after it."""
    (root / "model.bin").write_bytes(b"weights")
    (root / "plots").mkdir()
    (root / "plots" / "roc.txt").write_text("curve")
    with start_run(
        "e", store=store, root=root, name="first", params={"lr": 0.1}, tags={"who": "me"}, seed=7
    ) as run:
        run.log_param("depth", 3)
        run.log_metric("loss", 0.5, step=1)
        run.log_metrics({"loss": 0.25, "auc": 0.75}, step=2)
        run.set_tag("stage", "one")
        run.set_tag("stage", "two")
        run.log_artifact(root / "model.bin")
        run.log_artifact(str(root / "plots"), "figures")
        run.log_text("notes/a.md", "ü")
    kept = store.runs.get(run.id)
    assert (kept.status, kept.name, kept.experiment, kept.number) == ("finished", "first", "e", 1)
    assert kept.ended is not None
    assert kept.ended >= kept.started
    assert store.runs.params([run.id])[run.id] == (
        Param(name="depth", value=3),
        Param(name="lr", value=0.1),
    )
    assert [(one.step, one.value) for one in store.runs.history(run.id, "loss")] == [
        (1, 0.5),
        (2, 0.25),
    ]
    assert store.runs.tags([run.id])[run.id] == (
        Tag(name="stage", value="two"),
        Tag(name="who", value="me"),
    )
    artifacts = {one.name: store.blobs.get(one.digest) for one in store.runs.artifacts(run.id)}
    assert artifacts == {
        "figures/roc.txt": b"curve",
        "model.bin": b"weights",
        "notes/a.md": "ü".encode(),
    }
    assert not list((root / ".lapwise" / "wal").iterdir())


def test_numbers_of_every_kind_are_taken(run: ActiveRun, store: Store) -> None:
    """Python and NumPy numbers, bools, NaN and infinities are logged, steps of any whole kind."""
    values = [1, True, 0.5, np.float32(0.5), np.int64(3), np.bool_(True), np.array(2.5), Decimal(4)]
    for step, value in enumerate(values):
        run.log_metric("m", value, np.int64(step))  # type: ignore[arg-type]
    run.log_metrics({"nan": float("nan"), "inf": float("-inf")}, step=-5)
    run.log_metric("m", 9.0, 8.0)  # type: ignore[arg-type]
    run.end()
    found = [one.value for one in store.runs.history(run.id, "m")]
    assert found == [1.0, 1.0, 0.5, 0.5, 3.0, 1.0, 2.5, 4.0, 9.0]
    (nan,) = store.runs.history(run.id, "nan")
    assert nan.value != nan.value
    assert store.runs.history(run.id, "inf")[0].value == float("-inf")
    assert run.dropped == 0


@pytest.mark.parametrize(
    ("name", "value", "step"),
    [
        ("m", "0.5", 0),
        ("m", None, 0),
        ("m", object(), 0),
        ("m", 10**400, 0),
        ("m", 1j, 0),
        ("m", np.array([1.0, 2.0]), 0),
        ("m", 0.5, 1.5),
        ("m", 0.5, 2**63),
        ("m", 0.5, "1"),
        ("", 0.5, 0),
        ("a\0b", 0.5, 0),
        ("x" * 251, 0.5, 0),
        ("\ud800", 0.5, 0),
        (None, 0.5, 0),
    ],
)
def test_a_bad_metric_is_dropped_counted_and_told(
    run: ActiveRun,
    store: Store,
    caplog: pytest.LogCaptureFixture,
    name: str,
    value: float,
    step: int,
) -> None:
    """A bad metric raises nothing, is warned of once, counted, and spoils nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run.log_metric(name, value, step)
        run.log_metric(name, value, step)
        run.log_metrics({name: value}, step)
    run.log_metric("good", 1.0)
    run.end()
    assert run.dropped == 3
    assert caplog.text.count("was not logged") == 1
    assert [one.name for one in store.runs.metrics([run.id])[run.id]] == ["good"]
    assert Tag(name="lapwise.dropped", value="3") in store.runs.tags([run.id])[run.id]


def test_one_bad_metric_keeps_back_no_other(run: ActiveRun, store: Store) -> None:
    """log_metrics logs the good ones of a mapping."""
    run.log_metrics({"a": 1.0, "b": "x", "c": 3})  # type: ignore[dict-item]
    run.end()
    assert [one.name for one in store.runs.metrics([run.id])[run.id]] == ["a", "c"]


def test_logging_after_the_end_is_an_error(run: ActiveRun) -> None:
    """Every way of logging raises TrackingError once the run has ended; ending again does not."""
    run.end()
    run.end("failed")
    attempts: list[Callable[[], None]] = [
        lambda: run.log_metric("a", 1.0),
        lambda: run.log_metrics({"a": 1.0}),
        lambda: run.log_param("a", 1),
        lambda: run.set_tag("a", "b"),
        lambda: run.log_text("a", "b"),
        lambda: run.log_artifact(__file__),
    ]
    for log in attempts:
        with pytest.raises(TrackingError, match="has ended"):
            log()


def test_a_parameter_never_changes(run: ActiveRun, store: Store) -> None:
    """The same value again is taken, another is refused, and then nothing of the call is kept."""
    run.log_param("lr", 0.1)
    run.log_param("lr", 0.1)
    run.log_param("nan", float("nan"))
    run.log_param("nan", float("nan"))
    with pytest.raises(TrackingError, match="never changes"):
        run.log_params({"new": 1, "lr": 0.2})
    with pytest.raises(TrackingError, match="never changes"):
        run.log_param("lr", "0.1")
    run.end()
    assert [one.name for one in store.runs.params([run.id])[run.id]] == ["lr", "nan"]


def test_the_first_end_counts(run: ActiveRun, store: Store) -> None:
    """A later end changes nothing."""
    run.end("killed")
    run.end()
    assert store.runs.get(run.id).status == "killed"


def test_an_exception_fails_the_run_and_is_kept(store: Store, root: Path) -> None:
    """The exception passes through; its text is a tag and its traceback an artifact, masked."""
    secret = "ghp_" + "a" * 36
    with (
        pytest.raises(ZeroDivisionError),
        start_run("e", store=store, root=root, seed=1) as run,
    ):
        raise ZeroDivisionError(f"no {secret}\0")
    assert store.runs.get(run.id).status == "failed"
    (tag,) = store.runs.tags([run.id])[run.id]
    assert (tag.name, tag.value) == ("error", "ZeroDivisionError: no ***")
    (artifact,) = store.runs.artifacts(run.id)
    text = store.blobs.get(artifact.digest).decode()
    assert "test_an_exception_fails_the_run" in text
    assert secret not in text


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), "killed"),
        (SystemExit(0), "finished"),
        (SystemExit(), "finished"),
        (SystemExit(3), "failed"),
    ],
)
def test_how_a_block_is_left_says_how_the_run_ended(
    store: Store, root: Path, error: BaseException, status: str
) -> None:
    """Ctrl-C kills, exit(0) finishes, another exit fails."""
    with pytest.raises(type(error)), start_run("e", store=store, root=root, seed=1) as run:
        raise error
    assert store.runs.get(run.id).status == status


FORGOTTEN = """
import sys
from pathlib import Path
from lapwise.store.open import open_store
from lapwise.tracking.start import start_run
folder = Path(sys.argv[1])
store = open_store(f"sqlite:///{folder / 'lapwise.db'}", str(folder / "blobs"))
run = start_run("e", store=store, root=folder / "project", seed=1)
run.log_metric("a", 1.0)
"""


def test_a_run_that_nobody_ended_is_crashed(store: Store, root: Path, tmp_path: Path) -> None:
    """A script that ends without ending its run leaves it crashed, with all it logged."""
    subprocess.run([sys.executable, "-c", FORGOTTEN, str(tmp_path)], check=True)
    (run,) = store.runs.list()
    assert run.status == "crashed"
    assert len(store.runs.history(run.id, "a")) == 1


def test_several_threads_log_to_one_run(run: ActiveRun, store: Store) -> None:
    """Every point of every thread is there, in each thread's order."""

    def work(name: str) -> None:
        for step in range(1_000):
            run.log_metric(name, float(step), step)

    threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.end()
    for number in range(4):
        steps = [one.step for one in store.runs.history(run.id, f"t{number}")]
        assert steps == list(range(1_000))


def test_flush_makes_it_readable(run: ActiveRun, store: Store) -> None:
    """What was logged before a flush can be read after it, while the run goes on."""
    run.log_metric("a", 1.0)
    assert run.flush()
    assert len(store.runs.history(run.id, "a")) == 1
    run.end()
    assert run.flush()


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../../b", "a\\b", "a\0b"])
def test_an_artifacts_name_leads_nowhere_else(run: ActiveRun, name: str) -> None:
    """Names that are absolute, climb, or are not printable are refused."""
    with pytest.raises(TrackingError, match="artifact"):
        run.log_text(name, "x")
    run.end()


def test_a_missing_file_is_a_clear_error(run: ActiveRun, root: Path) -> None:
    """log_artifact of what is not there names it."""
    with pytest.raises(TrackingError, match="no such file"):
        run.log_artifact(root / "nothing")
    run.end()


def test_the_disks_end_is_not_the_trainings(
    run: ActiveRun, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """When the log cannot grow any more, metrics are dropped and counted, parameters raise."""
    (log,) = (root / ".lapwise" / "wal").iterdir()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert run.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, before[1]))
    try:
        with caplog.at_level(logging.WARNING):
            run.log_metric("a", 1.0)
            run.log_metrics({"a": 1.0, "b": 2.0})
        with pytest.raises(TrackingError, match="cannot log this"):
            run.log_param("p", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert run.dropped == 3
    run.log_metric("c", 1.0)
    run.end()
    assert run.flush()
