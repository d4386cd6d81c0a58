"""What becomes of open runs when their process is asked to end, or forks.

SIGTERM: the handler is set while a run is open that was started in the main thread, and put back
afterwards. Where nobody else handles the signal, it ends all runs as ``killed``, ships what it can in
five seconds and lets the signal do its work. Where somebody does (a framework that saves and goes
on), that handler has its say, and the runs are ``killed`` whenever they end. A handler set later
replaces ours, unless it calls the one before it.

Fork: the child keeps the run, and logs to a file of its own without a thread or a connection; the
parent's shipper carries what is in it.
"""

from __future__ import annotations

import _thread
import os
import signal
import threading
from types import FrameType
from typing import Any, Protocol

__all__ = ["GRACE", "unwatch", "watch"]

GRACE = 5.0
"""Seconds in which a process that is asked to end ships what it logged."""


class Watched(Protocol):
    """A run that this process, or the one that it was forked from, has open."""

    @property
    def is_ours(self) -> bool:
        """Whether this process started the run, or opened it again, and so ends it."""
        ...

    def note_signal(self, name: str) -> None:
        """Write down that the process is asked to end; from now on the run ends as killed."""
        ...

    def seal(self) -> None:
        """Take no more; called in the interrupted thread, and never waits for another."""
        ...

    def ship(self, limit: float) -> None:
        """Ship the rest and end the run, in so many seconds or not at all."""
        ...

    def become_child(self) -> None:
        """Go on as a guest, in a process that was just forked."""
        ...

    def carry_children(self) -> None:
        """Look for what forked children log."""
        ...


_OPEN: list[Watched] = []
_before: Any = signal.SIG_DFL


def watch(run: Watched) -> None:
    """Look after an open run."""
    global _before  # noqa: PLW0603 - a process has one handler for a signal
    _OPEN.append(run)
    if threading.current_thread() is not threading.main_thread():
        return
    found = signal.getsignal(signal.SIGTERM)
    # None is a handler that is not Python's, and who ignores the signal is left in peace.
    if found is not _on_signal and found not in {None, signal.SIG_IGN}:
        _before = found
        signal.signal(signal.SIGTERM, _on_signal)


def unwatch(run: Watched) -> None:
    """Let go of a run that has ended; after the last one the old handler is back."""
    _OPEN[:] = [one for one in _OPEN if one is not run]
    if _OPEN or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTERM) is _on_signal:
        signal.signal(signal.SIGTERM, _before)


def _on_signal(number: int, frame: FrameType | None) -> None:
    ours = [run for run in reversed(_OPEN) if run.is_ours]
    for run in ours:
        run.note_signal(signal.Signals(number).name)
    if callable(_before):
        _before(number, frame)
        return
    for run in ours:
        run.seal()
    # What was interrupted may hold a lock that shipping needs, for good: so it is not done here,
    # and waited for with a lock that nobody else knows.
    done = _thread.allocate_lock()
    done.acquire()
    _thread.start_new_thread(_ship, (ours, done))
    done.acquire(timeout=GRACE + 1)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _ship(runs: list[Watched], done: _thread.LockType) -> None:
    try:
        for run in runs:
            run.ship(GRACE / len(runs))
    finally:
        done.release()


def _in_child() -> None:
    for run in _OPEN:
        run.become_child()


def _in_parent() -> None:
    for run in _OPEN:
        run.carry_children()


os.register_at_fork(after_in_child=_in_child, after_in_parent=_in_parent)
