"""Find the rows of a request that production failed: one row may spoil the others' answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lapwise.core.prediction import Failure, FailureKind

__all__ = ["blame"]

_ASKS = 32


def blame(
    version: str,
    places: list[int],
    ask: Callable[[list[int]], NDArray[np.bool_]],
    finite: NDArray[np.bool_] | None = None,
) -> list[Failure]:
    """Return the rows that a version failed, of those that it could not answer together.

    Halves are asked, then their halves, some thirty times at most; what is not cleared by then is
    blamed. If each part is answered by itself, the fault was of the moment, and all are blamed.

    Args:
        version: its id.
        places: the rows that it was asked for.
        ask: asks it for some of them, and says which scores are finite; raises if it fails.
        finite: what ``ask`` said of all of them; None if it raised.

    >>> def ask(some):
    ...     if 2 in some:
    ...         raise ValueError
    ...     return np.array([place != 4 for place in some])
    >>> [(one.place, one.kind) for one in blame("v1", [0, 1, 2, 3, 4], ask)]
    [(2, 'exception'), (4, 'not_finite')]
    """
    if finite is not None:
        return _not_finite(version, places, finite)
    found: list[Failure] = []
    groups = deque(_halves(places) if len(places) > 1 else ())
    asks = 0
    while groups and asks < _ASKS:
        group = groups.popleft()
        asks += 1
        try:
            found += _not_finite(version, group, ask(group))
        except Exception:  # noqa: BLE001 - whatever a model raises, it is the row's failure
            if len(group) > 1:
                groups.extend(_halves(group))
            else:
                found += _failures(version, group, "exception")
    found += [one for group in groups for one in _failures(version, group, "exception")]
    return sorted(found, key=lambda one: one.place) or _failures(version, places, "exception")


def _halves(places: list[int]) -> tuple[list[int], list[int]]:
    middle = len(places) // 2
    return places[:middle], places[middle:]


def _not_finite(version: str, places: list[int], finite: NDArray[np.bool_]) -> list[Failure]:
    return _failures(version, [places[at] for at in np.flatnonzero(~finite)], "not_finite")


def _failures(version: str, places: list[int], kind: FailureKind) -> list[Failure]:
    return [Failure(place=place, version=version, kind=kind) for place in places]
