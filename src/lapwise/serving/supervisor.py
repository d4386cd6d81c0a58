"""Keep a server's processes running: workers on one socket, and the shadow when there is one.

The supervisor holds the listening socket, so while a worker is dead new connections wait in its
queue and none is refused.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from lapwise.core.clock import MachineClock
from lapwise.core.errors import ServingError
from lapwise.serving.counters import READY, totals
from lapwise.serving.orphan import SUPERVISOR
from lapwise.serving.snapshot import read_deployment

__all__ = ["supervise"]

_TICK = 0.02
_QUEUE = 2048
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
_HEALTHY = 10.0
_TRIES = 4
_GRACE = 15.0
_SHADOW_GRACE = 2.0
_LOG = logging.getLogger(__name__)


@dataclass
class _Child:
    """A process that is started again when it ends: at once the first time, then later and later."""

    name: str
    command: Sequence[str]
    fds: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    deaths: int = 0
    pause: float = 0.0
    clock: MachineClock = field(default_factory=MachineClock)

    def look(self) -> None:
        """Start it if it is due, and note its end."""
        now = self.clock.monotonic()
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            if now - self.started > _HEALTHY:
                self.pause = 0.0
            self.due = now + self.pause
            self.deaths += 1
            _LOG.warning("%s ended (%s); again in %.1f s", self.name, code, self.pause)
            self.pause = min(max(self.pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
            self.process = None
        if now >= self.due:
            self.process = subprocess.Popen(
                list(self.command),
                stdin=subprocess.DEVNULL,
                pass_fds=self.fds,
                process_group=0,  # a terminal's Ctrl-C is the supervisor's, which ends them in order
                env={**os.environ, **self.environment, SUPERVISOR: str(os.getpid())},
            )
            self.started = now

    def ask_to_end(self) -> None:
        """Send SIGTERM."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def await_end(self, seconds: float) -> None:
        """Wait, and kill what does not end."""
        if self.process is None:
            return
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def supervise(
    folder: Path,
    listener: socket.socket,
    worker: Callable[[int], Sequence[str]],
    *,
    workers: int = 1,
    shadow: Sequence[str] = (),
    beside: Sequence[Sequence[str]] = (),
    environment: Mapping[str, str] | None = None,
    announce: Callable[[str, int], None] | None = None,
) -> None:
    """Run a server until SIGTERM or SIGINT, then end its processes in order and return.

    It must be called in the main thread. Workers answer by :meth:`InferenceApp.of_folder`.

    Args:
        folder: the snapshot folder. The counts of an earlier server in it begin anew.
        listener: a bound socket, closed on return.
        worker: gives the command of a worker for the number of the socket that it inherits.
        workers: how many.
        shadow: the command of the shadow process; empty for none.
        beside: commands of other processes that are to be kept running.
        environment: what all of them have in it besides; the place for secrets, which a command
            would show to every user of the machine.
        announce: called once with host and port when the first worker answers.

    Raises:
        ServingError: there is to be no worker, or none comes up.
    """
    if workers < 1:
        raise ServingError("a server needs a worker", value=workers, expected="1 or more")
    shutil.rmtree(folder / "metrics", ignore_errors=True)
    listener.listen(_QUEUE)
    number, around = listener.fileno(), environment or {}
    answering = [
        _Child(f"worker {turn}", worker(number), (number,), around)
        for turn in range(1, workers + 1)
    ]
    others = [_Child(" ".join(command[1:3]), command, (), around) for command in beside]
    children = [*answering, *others]
    stopped: list[int] = []

    def stop(signal_number: int, _frame: FrameType | None) -> None:
        stopped.append(signal_number)

    before = {one: signal.signal(one, stop) for one in (signal.SIGTERM, signal.SIGINT)}
    shadows = _Shadows(folder, shadow, around)
    clock = MachineClock()
    try:
        with listener:
            up = False
            while not stopped:
                for child in children:
                    child.look()
                shadows.look()
                if not up:
                    up = _is_up(folder, answering)
                    if up and announce is not None:
                        host, port = listener.getsockname()[:2]
                        announce(str(host), int(port))
                clock.sleep(_TICK)
    finally:
        for child in children:
            child.ask_to_end()
        shadows.end()
        for child in children:
            child.await_end(_GRACE)
        for one, handler in before.items():
            signal.signal(one, handler)


def _is_up(folder: Path, workers: Sequence[_Child]) -> bool:
    """Say whether a worker answers; raise ServingError when none ever will."""
    if totals(folder / "metrics").get((READY,), 0):
        return True
    if all(worker.deaths >= _TRIES for worker in workers):
        raise ServingError(
            "the workers end before they answer",
            value=" ".join(workers[0].command),
            expected="a worker that comes up; what it said is on standard error",
        )
    return False


class _Shadows:
    """The shadow process of whichever version the deployment names."""

    def __init__(self, folder: Path, command: Sequence[str], around: Mapping[str, str]) -> None:
        self._folder = folder
        self._command = command
        self._around = around
        self._version: str | None = None
        self._stamp = 0
        self._child: _Child | None = None

    def look(self) -> None:
        """Start, restart or end it."""
        if not self._command:
            return
        try:
            stamp = (self._folder / "deployment.json").stat().st_mtime_ns
        except FileNotFoundError:
            return
        if stamp != self._stamp:
            self._stamp = stamp
            self._follow()
        if self._child is not None:
            self._child.look()

    def _follow(self) -> None:
        try:
            deployment = read_deployment(self._folder)
        except ServingError:  # the workers tell
            return
        version = deployment.shadow if deployment else None
        if version == self._version:
            return
        self.end()
        self._version = version
        self._child = _Child("shadow", self._command, (), self._around) if version else None

    def end(self) -> None:
        """End it; one that hangs is killed."""
        if self._child is not None:
            self._child.ask_to_end()
            self._child.await_end(_SHADOW_GRACE)
            self._child = None
