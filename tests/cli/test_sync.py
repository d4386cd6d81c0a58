"""`lapwise sync` ships what dead processes left, and says what it found."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Call

VICTIM = """
import os, sys, time
import lapwise as lw
with lw.start_run("e", seed=1, name="victim") as run:
    for step in range(100):
        run.log_metric("loss", 1.0, step)
    print("ready", flush=True)
    if sys.argv[1] == "wait":
        time.sleep(60)
    os.kill(os.getpid(), 9)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.lapwise]\n")
    return tmp_path


def victim(project: Path, how: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-c", VICTIM, how], cwd=project, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    return process


def test_what_a_killed_process_left_is_shipped(project: Path, call: Call) -> None:
    """The run is listed as crashed; a second time nothing is left; living runs are left alone."""
    done = call("sync", cwd=project)
    assert (done.code, done.out.strip()) == (0, "nothing waits on this disk")
    assert not (project / ".lapwise").exists()
    assert victim(project, "die").wait() == -signal.SIGKILL
    living = victim(project, "wait")
    try:
        done = call("sync", cwd=project)
        assert done.code == 0, done.err
        assert "left alone" in done.out
        (one,) = json.loads(call("sync", "--json", cwd=project).out)
        assert (one["shipped"], one["waits"]) == (False, False)
    finally:
        living.kill()
        living.wait()
    done = call("sync", str(project), "--json", cwd=project)
    assert done.code == 0, done.err
    (one,) = json.loads(done.out)
    assert (one["status"], one["shipped"], one["number"]) == ("crashed", True, 2)
    assert "nothing waits" in call("sync", cwd=project).out


def test_what_cannot_be_shipped_is_said_and_stays(project: Path, call: Call) -> None:
    """A server that is down makes exit code 1, and a table that says what waits."""
    code = VICTIM.replace('sys.argv[1] == "wait"', "False")
    process = subprocess.run(
        [sys.executable, "-c", code, "die"],
        cwd=project,
        env={"LAPWISE_STORE": "http://127.0.0.1:9", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL
    assert b"training goes on" in process.stderr or b"does not answer" in process.stderr
    done = call("sync", cwd=project)
    assert done.code == 0
    assert "another store" in done.out
    assert len(list((project / ".lapwise" / "wal").iterdir())) == 1
