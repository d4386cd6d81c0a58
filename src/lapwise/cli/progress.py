"""Progress bars for people who look at a terminal, silence for everything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from lapwise.core import protocols

__all__ = ["bars"]


class _Line:
    def __init__(self, shown: Progress, line: TaskID) -> None:
        self._shown = shown
        self._line = line

    def advance(self, amount: float = 1) -> None:
        self._shown.advance(self._line, amount)

    def done(self) -> None:
        self._shown.remove_task(self._line)


class _Bars:
    def __init__(self, shown: Progress) -> None:
        self._shown = shown

    def task(self, label: str, total: float | None = None) -> protocols.Task:
        return _Line(self._shown, self._shown.add_task(label, total=total))


@contextmanager
def bars() -> Iterator[protocols.Progress]:
    """Show bars on standard error while the context is open, if it is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield protocols.SilentProgress()
        return
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as shown:
        yield _Bars(shown)
