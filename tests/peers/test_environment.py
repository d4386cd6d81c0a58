"""Environments of other tools, made of a lock with one small package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from peers import environment as made

ROOT = Path(made.__file__).parents[1]


def test_each_lock_is_one_of_hashes_and_of_what_is_asked_for() -> None:
    for asked in made.PEERS.glob("*.in"):
        lock = asked.with_suffix(".txt").read_text()
        for line in asked.read_text().splitlines():
            if line and not line.startswith("#"):
                name = line.partition("=")[0].partition("[")[0]
                assert f"\n{name}==" in lock, f"{asked.name}: lock it anew, as its first line says"
        assert lock.count("--hash=sha256:") >= lock.count("==")
        assert "http" not in lock.replace("# via", "").split("# This file", 1)[0]


@pytest.mark.prove
def test_many_that_ask_at_once_get_one_environment() -> None:
    """Both find what the other made; the interpreter knows the package and none of ours."""
    ask = "from peers.environment import environment; print(environment('mlflow'))"
    asking = [
        subprocess.Popen([sys.executable, "-c", ask], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for _ in range(3)
    ]
    found = {one.communicate()[0].strip() for one in asking}
    assert {one.returncode for one in asking} == {0}
    [python] = found
    code = "import mlflow, sys; print(mlflow.__version__); import lapwise"
    done = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == made.versions("mlflow")["mlflow"]
    assert "No module named 'lapwise'" in done.stderr
