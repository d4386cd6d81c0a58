"""Where a window begins, and until when a row is in it: whole multiples of the view's grain."""

from __future__ import annotations

import numpy as np

from lapwise.features.kernel import LEAST, Int64

__all__ = ["last_sight", "last_sight_of_one", "start_of", "start_of_one"]

_MOST = np.iinfo(np.int64).max


def start_of(times: Int64, within: int, grain: int) -> Int64:
    """Return ``floor(t - within, grain)`` for each time, in microseconds.

    A start before the first moment that int64 can say is that moment: nothing is earlier.

    >>> start_of(np.array([11, -1]), 3, 5).tolist()
    [5, -5]
    """
    start: Int64 = np.maximum(times, LEAST + within) - np.int64(within)
    if grain > 1:
        beyond = start % np.int64(grain)
        start = np.maximum(start, LEAST + beyond) - beyond
    return start


def last_sight(events: Int64, within: int, grain: int) -> Int64:
    """Return for each event the last time at which a window still shows it, in microseconds.

    It is ``floor(event, grain) + grain - 1 + within``, or the last moment that int64 can say.

    >>> last_sight(np.array([5, 9, -1]), 3, 5).tolist()
    [12, 12, 2]
    """
    if grain > 1:  # the last event of the same grain
        rest = np.int64(grain - 1) - events % np.int64(grain)
        events = np.minimum(events, _MOST - rest) + rest
    last: Int64 = np.minimum(events, _MOST - within) + np.int64(within)
    return last


def start_of_one(time: int, within: int, grain: int) -> int:
    """Return :func:`start_of` of one time, without arrays and without a bound.

    >>> start_of_one(-1, 3, 5)
    -5
    """
    return (time - within) // grain * grain


def last_sight_of_one(event: int, within: int, grain: int) -> int:
    """Return :func:`last_sight` of one event, without arrays and without a bound.

    >>> last_sight_of_one(-1, 3, 5)
    2
    """
    return event - event % grain + grain - 1 + within
