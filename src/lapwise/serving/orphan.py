"""A process that was started by a supervisor dies when the supervisor does, however that happens."""

from __future__ import annotations

import os
import signal

__all__ = ["SUPERVISOR", "die_with_supervisor"]

SUPERVISOR = "LAPWISE_SUPERVISOR"
"""The environment variable with the supervisor's process id."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_supervisor() -> None:
    """Ask the kernel to kill this process when its supervisor ends; without one, do nothing.

    Even a process that spins deep in a library is killed: nothing of its own has to run for it.
    """
    # Taken away, so that what this process starts does not think the supervisor its parent.
    supervisor = os.environ.pop(SUPERVISOR, "")
    if not supervisor.isdigit():
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(supervisor):  # it ended before the kernel was asked
        os.kill(os.getpid(), signal.SIGKILL)
