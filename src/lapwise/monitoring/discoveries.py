"""Which of many p-values are discoveries: Benjamini and Hochberg's step-up procedure."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["discoveries"]


def discoveries(chances: Sequence[float], rate: float) -> list[bool]:
    """Return which hypotheses are rejected so that at most ``rate`` of those are so falsely.

    Holds for independent and positively dependent p-values (Benjamini & Hochberg 1995; Benjamini &
    Yekutieli 2001). If nothing has changed, ``rate`` is the chance of any rejection at all.

    >>> discoveries([0.6, 0.001, 0.03], rate=0.05)
    [False, True, True]
    """
    order = sorted(range(len(chances)), key=chances.__getitem__)
    last = 0
    for rank, place in enumerate(order, start=1):
        if chances[place] <= rate * rank / len(chances):
            last = rank
    found = [False] * len(chances)
    for place in order[:last]:
        found[place] = True
    return found
