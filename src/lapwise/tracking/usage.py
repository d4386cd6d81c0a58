"""How busy the machine is while a run goes on: processor, memory, disk, GPUs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from lapwise.core.clock import MachineClock
from lapwise.tracking.gpus import gpu_use

__all__ = ["EVERY", "FIRST", "Usage"]

EVERY = 10.0
"""Seconds between two samples."""

FIRST = 1.0
"""Seconds until the first sample, so that a short run has one."""

_MIB = 1 << 20


class Usage:
    """Samples what this process, its children and the machine use; one object a run.

    Args:
        root: a folder on the disk that is looked at.
    """

    def __init__(self, root: Path) -> None:
        import psutil  # a run without samples does not pay for it

        self._psutil = psutil
        self._root = root
        self._process = psutil.Process(os.getpid())
        self._clock = MachineClock().monotonic
        psutil.cpu_percent(None)  # percentages are of the time since the call before
        self._at, self._spent = self._clock(), self._tree()[0]

    def sample(self) -> dict[str, float]:
        """Return what is in use now, by the name of its metric.

        ``system/cpu`` (of all cores), ``system/memory`` and ``system/disk`` in percent;
        ``system/process_cpu`` in percent of one core and ``system/process_memory`` in MiB, both of
        this process with its children; ``system/gpu0`` and ``system/gpu0_memory`` in percent.
        """
        at, (spent, resident) = self._clock(), self._tree()
        passed = max(at - self._at, 1e-3)
        used = {
            "system/cpu": self._psutil.cpu_percent(None),
            "system/memory": self._psutil.virtual_memory().percent,
            "system/process_cpu": max(0.0, 100 * (spent - self._spent) / passed),
            "system/process_memory": resident / _MIB,
        }
        self._at, self._spent = at, spent
        with contextlib.suppress(OSError):
            used["system/disk"] = self._psutil.disk_usage(str(self._root)).percent
        return used | gpu_use()

    def _tree(self) -> tuple[float, float]:
        """Return processor seconds and resident bytes of this process and all below it."""
        times = self._process.cpu_times()
        seconds = times.user + times.system + times.children_user + times.children_system
        resident = float(self._process.memory_info().rss)
        for child in self._process.children(recursive=True):
            with contextlib.suppress(self._psutil.Error):  # it ended meanwhile
                spent, memory = child.cpu_times(), child.memory_info()
                seconds += spent.user + spent.system
                resident += memory.rss
        return seconds, resident
