"""Which run is open where this code runs: what autologging and callbacks log to."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.tracking.run import ActiveRun

__all__ = ["current_run", "enter_run", "leave_run"]

# Outer runs first. A thread starts with none: two threads that train never mix their runs.
_OPEN: ContextVar[tuple[ActiveRun, ...]] = ContextVar("lapwise_open_runs", default=())


def current_run() -> ActiveRun | None:
    """Return the innermost run whose ``with`` block is open in this thread or task, or None."""
    opened = _OPEN.get()
    return opened[-1] if opened else None


def enter_run(run: ActiveRun) -> None:
    """Say that a run's ``with`` block begins here."""
    _OPEN.set((*_OPEN.get(), run))


def leave_run(run: ActiveRun) -> None:
    """Say that a run's ``with`` block is over; one that was never entered here is no error."""
    _OPEN.set(tuple(one for one in _OPEN.get() if one is not run))
