"""How far a pipeline has come, and how long it will take by what its steps took before."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from lapwise.core.protocols import Progress, Task
from lapwise.pipeline.graph import Node
from lapwise.store.model import Steps

__all__ = ["Course", "ticking"]

_BEAT = 0.5
_UNKNOWN = 1.0


class Course:
    """A line of progress in seconds for the steps from the first that really runs.

    A pipeline that finds everything shows none, and asks the store nothing more.
    """

    def __init__(self, steps: Steps, progress: Progress, name: str, nodes: Sequence[Node]) -> None:
        self._steps = steps
        self._progress = progress
        self._name = name
        self._nodes = nodes
        self._expected: dict[int, float] = {}
        self._line: Task | None = None

    def runs(self, node: Node) -> None:
        """Say that a step is about to run."""
        if self._line is None:
            for each in self._nodes[node.index :]:
                last = self._steps.last(each.step.name)
                self._expected[each.index] = _UNKNOWN if last is None else last.seconds
            self._line = self._progress.task(self._name, sum(self._expected.values()))

    def passed(self, node: Node) -> None:
        """Say that a step has run, or was found."""
        if self._line is not None:
            self._line.advance(self._expected[node.index])

    def done(self) -> None:
        """Finish the line."""
        if self._line is not None:
            self._line.done()


@contextmanager
def ticking(progress: Progress, label: str, seconds: float | None) -> Iterator[None]:
    """Show a line that moves while a step runs, of as many seconds as it took the last time."""
    task = progress.task(label, seconds)
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(_BEAT):
            task.advance(_BEAT)

    thread = threading.Thread(target=beat, name=f"progress of {label}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        task.done()
