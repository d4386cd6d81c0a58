"""NVIDIA's GPUs, by their own library; nothing is loaded on a machine without the driver."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

__all__ = ["gpu_use", "read_gpus"]

_DRIVERS = ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg")
"""One of them is there where a driver is; the last is the one of Windows' subsystem for Linux."""

_MIB = 1 << 20


def read_gpus() -> tuple[str, ...]:
    """Return a line for each GPU that the driver shows: name, memory, driver version."""
    library = _library()
    if library is None:
        return ()
    try:
        driver = _text(library.nvmlSystemGetDriverVersion())
        return tuple(
            f"{_text(library.nvmlDeviceGetName(gpu))}, "
            f"{library.nvmlDeviceGetMemoryInfo(gpu).total // _MIB} MiB, driver {driver}"
            for gpu in _handles(library)
        )
    except library.NVMLError:
        return ()


def gpu_use() -> dict[str, float]:
    """Return how busy each GPU is and how full its memory, in percent, by the metric's name."""
    library = _library()
    found: dict[str, float] = {}
    if library is None:
        return found
    try:
        for number, gpu in enumerate(_handles(library)):
            found[f"system/gpu{number}"] = float(library.nvmlDeviceGetUtilizationRates(gpu).gpu)
            memory = library.nvmlDeviceGetMemoryInfo(gpu)
            found[f"system/gpu{number}_memory"] = 100 * memory.used / memory.total
    except library.NVMLError:  # a GPU that does not tell, or fell off the bus
        pass
    return found


@cache
def _library() -> Any:
    """Return NVML ready for use, or None."""
    if not any(os.path.exists(path) for path in _DRIVERS):  # noqa: PTH110 - a device, asked for quickly
        return None
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def _handles(library: Any) -> list[Any]:
    return [library.nvmlDeviceGetHandleByIndex(n) for n in range(library.nvmlDeviceGetCount())]


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
