"""A fresh clone installs itself: in any folder, once, together with others, and after a kill."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, project_files

pytestmark = pytest.mark.prove

# An empty environment, but for what says where programs and package indexes are.
KEPT = ("PIP_", "UV_", "SSL_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "HOME", "PATH", "PYENV")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "a fresh clone"
    for path in project_files():
        copy = root / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
    return root


def start(clone: Path) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if name.upper().startswith(KEPT)}
    return subprocess.Popen(
        ["make", "install"],
        cwd=clone,
        env=kept | {"PYTHON": getattr(sys, "_base_executable", sys.executable)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    output = process.communicate(timeout=900)[0]
    assert process.returncode == 0, output
    return output


def imports_lapwise(clone: Path) -> bool:
    python = clone / ".venv" / "bin" / "python"
    code = "import lapwise, polars, sklearn; print(lapwise.__file__)"
    result = subprocess.run(
        [python, "-c", code], cwd="/", capture_output=True, text=True, check=True
    )
    return Path(result.stdout.strip()).is_relative_to(clone)


def test_two_started_together_install_once_and_a_third_is_over_at_once(clone: Path) -> None:
    together = [start(clone), start(clone)]
    outputs = [finish(process) for process in together]
    assert sum("Installed in" in output for output in outputs) == 1, outputs
    assert sum("waiting" in output for output in outputs) == 1, outputs
    assert imports_lapwise(clone)

    started = time.monotonic()
    assert "Install" not in finish(start(clone))
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_an_installation_cut_short_is_finished_next_time(clone: Path, kill: signal.Signals) -> None:
    first = start(clone)
    packages = clone / ".venv" / "lib"
    wait_until(lambda: any(packages.glob("*/site-packages/uv")))
    os.killpg(first.pid, kill)
    first.communicate(timeout=60)
    assert first.returncode != 0
    assert "Installed in" in finish(start(clone))
    assert imports_lapwise(clone)


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
