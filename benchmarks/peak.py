"""The most memory that a process has had."""

from __future__ import annotations

from pathlib import Path

__all__ = ["peak_mb"]


def peak_mb() -> float:
    """Return the megabytes of this process at its peak, from Linux's ``/proc``.

    ``getrusage`` does not know them: a new program begins there with the peak of the process that
    started it, which is the benchmark's own.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
