"""The machine is read without loading or starting anything."""

import os
import subprocess
import sys

import pytest

from lapwise.tracking.hardware import read_hardware, read_threads


def test_the_machine_is_described() -> None:
    """CPU, usable cores and memory are what the system says."""
    found = read_hardware()
    assert found.cores == len(os.sched_getaffinity(0))
    assert 0 < found.memory <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert found.cpu
    assert os.uname().machine in found.platform


def test_variables_that_set_threads_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """OMP_NUM_THREADS and PYTHONHASHSEED are part of what repeats a run."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    found = {one.name: one.value for one in read_threads()}
    assert found["OMP_NUM_THREADS"] == "3"
    assert found["PYTHONHASHSEED"] == "7"


@pytest.mark.parametrize("loaded", [True, False])
def test_linear_algebra_is_asked_only_when_loaded(loaded: bool) -> None:
    """With NumPy in memory its BLAS is described; without, NumPy stays unloaded."""
    code = (
        f"{'import numpy' if loaded else ''}\nimport sys\n"
        "from lapwise.tracking.hardware import read_threads\n"
        "print([p.name for p in read_threads() if p.name.startswith('blas')], 'numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert done.endswith(str(loaded))
    assert ("blas." in done) is loaded
