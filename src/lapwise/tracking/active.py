"""Which run is open where this code runs: what autologging and callbacks log to."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Protocol

__all__ = ["OpenRun", "current_run", "enter_run", "leave_run"]


class OpenRun(Protocol):
    """What may be logged to the run that is open; :class:`~lapwise.tracking.ActiveRun` is one."""

    def log_metric(self, name: str, value: float, step: int = 0) -> None:
        """Log a number."""
        ...

    def log_metrics(self, metrics: Mapping[str, float], step: int = 0) -> None:
        """Log several numbers of one step."""
        ...

    def log_param(self, name: str, value: object) -> None:
        """Say one input."""
        ...

    def log_params(self, params: Mapping[str, object]) -> None:
        """Say inputs; all are kept, or none."""
        ...

    def set_tag(self, name: str, value: str) -> None:
        """Label the run."""
        ...

    def log_text(self, name: str, text: str) -> None:
        """Keep a text."""
        ...


# Outer runs first. A thread starts with none: two threads that train never mix their runs.
_OPEN: ContextVar[tuple[OpenRun, ...]] = ContextVar("lapwise_open_runs", default=())


def current_run() -> OpenRun | None:
    """Return the innermost run whose ``with`` block is open in this thread or task, or None."""
    opened = _OPEN.get()
    return opened[-1] if opened else None


def enter_run(run: OpenRun) -> None:
    """Say that a run's ``with`` block begins here."""
    _OPEN.set((*_OPEN.get(), run))


def leave_run(run: OpenRun) -> None:
    """Say that a run's ``with`` block is over; one that was never entered here is no error."""
    _OPEN.set(tuple(one for one in _OPEN.get() if one is not run))
