"""How busy the machine is, as numbers that mean what their names say."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lapwise.core.clock import MachineClock
from lapwise.tracking import gpus
from lapwise.tracking.usage import Usage


def test_a_busy_process_is_seen_with_its_children(tmp_path: Path) -> None:
    """A child that computes and holds memory counts for its parent's run."""
    usage = Usage(tmp_path)
    code = "x = b'x' * 100_000_000\nprint('full', flush=True)\nwhile True: pass"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.readline()
        usage.sample()
        MachineClock().sleep(1.0)
        found = usage.sample()
    finally:
        child.kill()
        child.wait()
        if child.stdout is not None:
            child.stdout.close()
    assert found["system/process_cpu"] > 1  # a busy machine gives it little
    assert found["system/process_memory"] > 100
    assert set(found) == {
        "system/cpu", "system/memory", "system/disk", "system/process_cpu", "system/process_memory",
    }  # fmt: skip
    assert all(0 <= found[f"system/{name}"] <= 100 for name in ("cpu", "memory", "disk"))


class _Lost(Exception):
    pass


def driver(**changes: Any) -> Any:
    """Return what NVIDIA's library looks like on a machine with two GPUs."""
    memory = SimpleNamespace(total=40 << 30, used=10 << 30)
    return SimpleNamespace(
        **{
            "NVMLError": _Lost,
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda number: number,
            "nvmlDeviceGetName": lambda gpu: b"NVIDIA A100",
            "nvmlDeviceGetMemoryInfo": lambda gpu: memory,
            "nvmlDeviceGetUtilizationRates": lambda gpu: SimpleNamespace(gpu=90 + gpu),
            "nvmlSystemGetDriverVersion": lambda: "550.54",
            **changes,
        }
    )


def test_gpus_are_named_and_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "_library", driver)
    assert gpus.read_gpus() == ("NVIDIA A100, 40960 MiB, driver 550.54",) * 2
    assert gpus.gpu_use() == {
        "system/gpu0": 90.0,
        "system/gpu0_memory": 25.0,
        "system/gpu1": 91.0,
        "system/gpu1_memory": 25.0,
    }


def test_a_gpu_that_falls_silent_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(gpu: object) -> object:
        raise _Lost

    monkeypatch.setattr(gpus, "_library", lambda: driver(nvmlDeviceGetMemoryInfo=lost))
    assert gpus.read_gpus() == ()
    assert gpus.gpu_use() == {"system/gpu0": 90.0}


def test_a_machine_without_the_driver_loads_nothing() -> None:
    code = (
        "import sys; from lapwise.tracking.gpus import _DRIVERS, gpu_use, read_gpus\n"
        "import os\n"
        "if not any(map(os.path.exists, _DRIVERS)):\n"
        "    assert (read_gpus(), gpu_use()) == ((), {})\n"
        "    assert 'pynvml' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
