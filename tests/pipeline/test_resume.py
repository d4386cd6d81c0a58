"""What stops a pipeline leaves the steps before it, and nothing half written."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lapwise.store.open import open_store

SCRIPT = Path(__file__).with_name("interrupted.py")


def start(folder: Path, how: str) -> subprocess.Popen[str]:
    (folder / "how").write_text(how)
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder: Path, how: str) -> tuple[int, str, str]:
    with start(folder, how) as process:
        out, err = process.communicate(timeout=60)
        return process.returncode, out.strip(), err


def results(folder: Path) -> list[str]:
    with open_store(f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs") as store:
        names = ("first", "second", "third", "fourth", "fifth")
        return [name for name in names if store.steps.last(name) is not None]


def test_a_killed_pipeline_resumes_at_the_first_step_without_a_result(tmp_path: Path) -> None:
    assert finish(tmp_path, "kill")[0] == -signal.SIGKILL
    assert results(tmp_path) == ["first", "second"]
    assert finish(tmp_path, "go")[:2] == (0, "300000 1 1 0 0 0")
    assert finish(tmp_path, "go")[:2] == (0, "300000 1 1 1 1 1")


def test_control_c_keeps_the_steps_before(tmp_path: Path) -> None:
    with start(tmp_path, "wait") as process:
        deadline = time.monotonic() + 30
        while not (tmp_path / "waiting").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in err
    assert results(tmp_path) == ["first", "second"]
    assert finish(tmp_path, "go")[1] == "300000 1 1 0 0 0"


def test_a_full_disk_is_one_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    code, out, err = finish(tmp_path, "full")
    assert (code, out) == (1, "StorageFullError"), err
    assert results(tmp_path) == ["first", "second"]
    with open_store(f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs") as store:
        assert all(len(store.blobs.get(digest)) < 1000 for digest in store.blobs.digests())
    large = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != tmp_path]
    assert all(path.stat().st_size < 1000 for path in large)
    assert finish(tmp_path, "go")[1] == "300000 1 1 0 0 0"


@pytest.mark.parametrize("together", [3])
def test_processes_started_together_agree(tmp_path: Path, together: int) -> None:
    processes = [start(tmp_path, "go") for _ in range(together)]
    outputs = [process.communicate(timeout=60)[0].split()[0] for process in processes]
    assert set(outputs) == {"300000"}
    assert finish(tmp_path, "go")[1] == "300000 1 1 1 1 1"
