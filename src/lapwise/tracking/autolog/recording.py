"""Decides which run a fit belongs to, and logs to it without ever raising into training."""

from __future__ import annotations

import csv
import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from weakref import WeakKeyDictionary

from lapwise.tracking.active import OpenRun, current_run

if TYPE_CHECKING:
    from lapwise.core.model import Scalar

__all__ = ["Recording", "Settings", "Starter", "begin", "going_on", "inside", "settings"]

Starter: TypeAlias = Callable[[], AbstractContextManager["OpenRun"]]
"""Starts a run of its own for a fit outside any run; its ``with`` block is the fit."""

_LOG = logging.getLogger("lapwise.tracking.autolog")

# A fold of a cross-validation is no model of its own.
_FOLDS = "sklearn.model_selection._validation"
_DEEPEST = 200


@dataclass(frozen=True, slots=True)
class Settings:
    """What autologging was asked for; ``run`` None means the run that is open, or one of its own."""

    start: Starter
    run: OpenRun | None
    libraries: tuple[str, ...]


settings: list[Settings] = []
"""Those in force, the innermost last; ``switch.py`` changes it."""


class _Here(threading.local):
    recording: Recording | None = None


_HERE = _Here()
_BUSY: set[threading.Thread] = set()
_COUNTS: WeakKeyDictionary[OpenRun, int] = WeakKeyDictionary()
_COUNTING = threading.Lock()


class Recording:
    """One outermost fit that is going on, and the run it is logged to.

    The second fit of a run logs under names that begin with ``fit_2.``, because parameters never
    change; and so on.
    """

    def __init__(self, run: OpenRun, own: ExitStack, first: object) -> None:
        self.run = run
        self.stack: list[object] = [first]
        self._own = own
        with _COUNTING:
            count = _COUNTS[run] = _COUNTS.get(run, 0) + 1
        self._prefix = "" if count == 1 else f"fit_{count}."

    def params(self, params: Mapping[str, Scalar]) -> None:
        """Log parameters; one that the run has with another value already keeps its own."""
        named = {self._prefix + name: value for name, value in params.items()}
        try:
            self.run.log_params(named)
        except Exception:  # noqa: BLE001 - never into training
            for name, value in named.items():
                self._quietly(self.run.log_param, name, value)

    def metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log numbers."""
        named = {self._prefix + name: value for name, value in metrics.items()}
        self._quietly(self.run.log_metrics, named, step)

    def tags(self, tags: Mapping[str, str]) -> None:
        """Set tags."""
        for name, value in tags.items():
            self._quietly(self.run.set_tag, self._prefix + name, value)

    def table(self, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Keep columns as an artifact of comma-separated values."""
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        lines.writerow(columns)
        lines.writerows(zip(*columns.values(), strict=True))
        self._quietly(self.run.log_text, self._prefix + name, text.getvalue())

    def describe(self, *parts: Callable[[Recording], None]) -> None:
        """Let each part log what it finds; one that fails is a line in the log."""
        for part in parts:
            self._quietly(part, self)

    def __enter__(self) -> Self:
        """Return the recording; its ``with`` block is the fit and what is logged of it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say that the fit is over, however it ended; a run of its own ends with it."""
        _HERE.recording = None
        _BUSY.discard(threading.current_thread())
        self._quietly(self._own.__exit__, kind, error, trace)

    def _quietly(self, act: Callable[..., object], *arguments: object) -> None:
        try:
            act(*arguments)
        except Exception as error:  # noqa: BLE001 - never into training
            _LOG.warning("autologging left something out: %s", error)


def going_on() -> Recording | None:
    """Return the recording that is going on in this thread, or None."""
    return _HERE.recording


def begin(first: object) -> Recording | None:
    """Begin to record a fit; None when nothing is to be recorded.

    That is: autologging is off, the fit is a part of one that is recorded already, it is a fold of a
    cross-validation, or no run can be started (which is a line in the log).
    """
    own = ExitStack()
    try:
        in_force = settings[-1:]  # another thread may turn it off meanwhile
        if not in_force or _is_part():
            return None
        run = in_force[0].run or current_run() or own.enter_context(in_force[0].start())
        recording = Recording(run, own, first)
    except Exception as error:  # noqa: BLE001 - never into training
        _LOG.warning("autologging could not start a run: %s", error)
        return None
    _HERE.recording = recording
    _BUSY.add(threading.current_thread())
    return recording


@contextmanager
def inside(part: object) -> Iterator[None]:
    """Remember that a part of the recorded fit is being fitted."""
    recording = _HERE.recording
    if recording is None:
        yield
        return
    recording.stack.append(part)
    try:
        yield
    finally:
        recording.stack.pop()


def _is_part() -> bool:
    """Return whether this code runs for a fit that is recorded, or for a fold.

    A worker thread of joblib knows who made it: its pool's threads are those of
    ``multiprocessing.dummy``, which name their parent.
    """
    thread: object = threading.current_thread()
    for _ in range(_DEEPEST):
        if not isinstance(thread, threading.Thread):
            break
        if thread in _BUSY:
            return True
        thread = getattr(thread, "_parent", None)
    frame = sys._getframe(1)  # noqa: SLF001 - the only way to see who asks
    for _ in range(_DEEPEST):
        if frame.f_globals.get("__name__") == _FOLDS:
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False
