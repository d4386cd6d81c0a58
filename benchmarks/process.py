"""Run a program and say what it took: seconds, CPU seconds, and memory of all its processes."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil

from lapwise.core.clock import MachineClock

LOOK = 0.05
MB = 1e6


@dataclass(frozen=True, slots=True)
class Spent:
    """What a process and its children took.

    ``cpu`` is user and system seconds; ``memory`` is the peak in MB of their resident sizes added
    up, which counts what they share twice; 0 if it was not watched. ``output`` is what it printed.
    """

    seconds: float
    cpu: float
    memory: float
    output: str


def run(
    command: Sequence[str],
    folder: Path,
    *,
    watch: bool = False,
    fine: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
) -> Spent:
    """Run a program to its end.

    Args:
        command: program and arguments.
        folder: its working directory.
        watch: look at the memory of the process and its children 20 times a second.
        fine: exit codes that are no failure.
        environment: its variables; None for ours.

    Raises:
        RuntimeError: it failed; the message is what it complained.
    """
    clock = MachineClock()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        started = clock.monotonic()
        child = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=errors)
        peak = 0.0
        while True:
            pid, status, usage = os.wait4(child.pid, os.WNOHANG if watch else 0)
            if pid:
                break
            peak = max(peak, resident(child.pid))
            time.sleep(LOOK)
        seconds = clock.monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        errors.seek(0)
        output, complaint = out.read(), errors.read()
    if child.returncode not in fine:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}:\n{complaint}")
    return Spent(seconds, usage.ru_utime + usage.ru_stime, peak / MB, output)


def resident(pid: int) -> float:
    """Return the resident bytes of a process and all below it, added up."""
    total = 0
    try:
        top = psutil.Process(pid)
        for process in (top, *top.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.Error:  # one of them ended while we looked
        pass
    return total


def typical(
    command: Sequence[str], folder: Path, times: int, *, fine: Sequence[int] = (0,)
) -> Spent:
    """Run a program several times, and return the medians with the last run's output."""
    runs = [run(command, folder, fine=fine) for _ in range(times)]
    return Spent(
        median(one.seconds for one in runs), median(one.cpu for one in runs), 0.0, runs[-1].output
    )
