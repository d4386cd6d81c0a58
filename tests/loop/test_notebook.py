"""A script tracks runs in the store of the project around it, near or far."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import lapwise as lw
from lapwise.core.errors import NotFoundError
from lapwise.core.model import DatasetVersion, KeyPart
from lapwise.store.model import Store
from lapwise.store.open import open_store
from lapwise.tracking import current_run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of a new project, as its user would."""
    monkeypatch.delenv("LAPWISE_STORE", raising=False)
    monkeypatch.delenv("LAPWISE_BLOBS", raising=False)
    monkeypatch.setenv("LAPWISE_ACTOR", "ada")
    (tmp_path / "pyproject.toml").write_text("[tool.lapwise]\n")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


def opened(project: Path) -> Store:
    own = project / ".lapwise"
    return open_store(f"sqlite:///{own / 'lapwise.db'}", str(own / "blobs"))


def test_a_run_says_who_started_it_and_where(project: Path) -> None:
    with lw.start_run("churn", params={"lr": 0.1}, seed=7) as run:
        run.log_metric("loss", 0.5)
    with opened(project) as store:
        kept = store.runs.get("1")
    assert (kept.user, kept.status) == ("ada", "finished")
    assert kept.capture is not None
    assert kept.capture.cwd == "notebooks"


def test_a_run_is_joined_opened_again_and_has_parts(project: Path) -> None:
    with lw.start_run("churn", seed=7) as run:
        run.flush()
        with lw.join_run(run.id) as guest:
            guest.log_metric("guest", 1.0)
        with lw.start_run("churn", name="part", parent=run, seed=7):
            pass
    with lw.start_run("churn", resume="001", seed=7) as again:
        assert again.id == run.id
    with opened(project) as store:
        part, whole = store.runs.list()
        assert part.parent == whole.id
        assert len(store.runs.history(whole.id, "guest")) == 1


def test_a_run_without_a_with_block_is_open_until_it_is_ended(project: Path) -> None:
    """As notebooks write it; numbers do for runs, and after the end nothing is open."""
    run = lw.start_run("churn", seed=7)
    run.log_metric("loss", 0.5)
    assert current_run() is run
    part = lw.start_run("churn", parent=run.number, seed=7)
    assert current_run() is part
    part.end()
    part.end()
    assert current_run() is run
    run.end()
    assert current_run() is None
    again = lw.start_run("churn", resume=run.number, seed=7)
    again.end()
    with opened(project) as store:
        assert [(one.status, one.parent) for one in store.runs.list()] == [
            ("finished", run.id),
            ("finished", None),
        ]


def test_a_run_that_nobody_ended_says_so(project: Path) -> None:
    code = "import lapwise as lw; lw.start_run('churn', seed=7).log_metric('auc', 0.7)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "run 001: nobody ended it: write run.end(), or use it by `with`" in ended.stderr
    with opened(project) as store:
        assert store.runs.get("1").status == "crashed"
        assert store.runs.metrics([store.runs.get("1").id])


def test_datasets_are_named_by_version(project: Path) -> None:
    with opened(project) as store:
        version = store.datasets.add(
            DatasetVersion(
                id="i", table="flights", number=0, digest="d" * 64, parts=(), columns=(),
                statistics=(), rows=0, watermark=0, key=("k",), event="e", known="e",
                event_minimum=None, event_maximum=None, source="s", created=0,
            )
        )  # fmt: skip
    for named in ("flights", "flights@v1", version):
        with lw.start_run("churn", seed=1, datasets=[named]) as run:
            assert run.record.capture is not None
            assert run.record.capture.datasets == (KeyPart(name="flights", digest="d" * 64),)
    with pytest.raises(NotFoundError), lw.start_run("churn", datasets=["weather"]):
        pass


def test_a_server_that_is_down_keeps_no_script_from_its_end(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no SQL is loaded for it."""
    code = """
import sys
import lapwise as lw
with lw.start_run("churn", seed=7, datasets=["flights@v7"]) as run:
    assert run.label == "run (waiting)"
    run.log_metric("loss", 0.5)
assert not {"sqlalchemy", "sqlite3", "polars", "sklearn"} & set(sys.modules), sys.modules
"""
    monkeypatch.setenv("LAPWISE_STORE", "http://127.0.0.1:9")
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "training goes on" in done.stderr
    assert len(list((project / ".lapwise" / "wal").iterdir())) == 1
