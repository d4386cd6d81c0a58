"""Names near a name that was not found."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

__all__ = ["nearest"]


def nearest(name: str, known: Sequence[str]) -> str:
    """Return what to say was expected: at most five names, the most similar first.

    >>> nearest("fligths", ["weather", "flights"])
    'one of flights, weather'
    >>> nearest("flights", [])
    ''
    """
    if not known:
        return ""
    near = difflib.get_close_matches(name, known, n=5, cutoff=0.4)
    shown = [*near, *(other for other in known if other not in near)][:5]
    return "one of " + ", ".join(shown) + (", ..." if len(known) > len(shown) else "")
