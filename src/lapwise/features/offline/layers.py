"""The second, third, … latest row that each example sees, where rows are seen in any pattern.

The latest rows are the upper envelope of the rows' ranges. Cut out of every range what it has of
the envelope, and the envelope of what remains is the second latest, and so on. Each end of a range
moves at most one row across each envelope, so that *n* ranges never fall into more than 3*n* pieces.
"""

from __future__ import annotations

import numpy as np

from lapwise.features.kernel import LEAST, Cover, Int64

__all__ = ["Layers"]


class Layers:
    """Envelopes of ranges of examples, the highest first.

    Args:
        rows: the row of each range, ascending.
        start: for each range the first example that sees it.
        stop: one past the last.
        size: the number of examples.
    """

    def __init__(self, rows: Int64, start: Int64, stop: Int64, size: int) -> None:
        self._all = rows, start, stop
        self._size = size
        self._begin()

    def _begin(self) -> None:
        self._rows, self._start, self._stop = self._all
        self._depth, self._top = 0, np.full(self._size, -1, np.int64)

    def row(self, place: int) -> Int64:
        """Return for each example the row in a place, 1 for the latest, -1 where there is none."""
        if place < self._depth:
            self._begin()
        while self._depth < place:
            self._peel()
        if not len(self._rows):
            return np.full(self._size, -1, np.int64)
        return np.where(self._top >= 0, self._rows[self._top], -1)

    def _peel(self) -> None:
        """Cut off the envelope that was found, and find the next."""
        if self._depth and len(self._rows):
            self._cut()
        covering = self._stop > self._start
        if not covering.all():
            chosen = np.flatnonzero(covering)
            self._rows, self._start, self._stop = (
                each[chosen] for each in (self._rows, self._start, self._stop)
            )
        pieces = np.arange(len(self._rows), dtype=np.int64)
        top = Cover.of(self._start, self._stop, self._size).greatest(pieces)
        self._top = np.where(top == LEAST, -1, top)
        self._depth += 1

    def _cut(self) -> None:
        """Leave of each piece what lies before, between and after its runs on the envelope."""
        top = self._top
        edges = np.flatnonzero(top[1:] != top[:-1]) + 1
        first = np.concatenate([[0], edges])
        last = np.concatenate([edges, [len(top)]])
        piece = top[first]
        taken = np.flatnonzero(piece >= 0)
        taken = taken[np.argsort(piece[taken], kind="stable")]
        piece, first, last = piece[taken], first[taken], last[taken]
        runs = np.bincount(piece, minlength=len(self._rows))
        ends = np.cumsum(runs + 1)  # a piece with m runs falls into m + 1
        start, stop = np.empty(int(ends[-1]), np.int64), np.empty(int(ends[-1]), np.int64)
        start[ends - runs - 1] = self._start
        stop[ends - 1] = self._stop
        place = np.arange(len(piece)) + piece  # of the part that ends where a run begins
        stop[place], start[place + 1] = first, last
        self._rows = np.repeat(self._rows, runs + 1)
        self._start, self._stop = start, stop
