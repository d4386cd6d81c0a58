"""What keeps a worker from starting is one line, not a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("module", ["lapwise.loop.worker", "lapwise.server.front"])
def test_a_worker_that_cannot_start_says_why_in_one_line(tmp_path: Path, module: str) -> None:
    (tmp_path / "log").write_text("a file where the log's folder ought to be")
    command = [sys.executable, "-m", module, str(tmp_path), str(tmp_path / "features")]
    done = subprocess.run(
        [*command, "0", "127.0.0.1", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("the prediction log cannot be written")
