"""Counts of what was there and what is here, and what could not come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from lapwise.core.errors import (
    ConflictError,
    DataError,
    DeclarationError,
    ModelError,
    NotFoundError,
    UnfitError,
)
from lapwise.loop.importing.model import Count, Imported

__all__ = ["Tally"]

_KINDS = (
    "experiments",
    "runs",
    "params",
    "metric points",
    "tags",
    "inputs",
    "logged models",
    "artifacts",
    "registered models",
    "versions",
    "aliases",
)
_MOST = 1000
_OF_ONE_THING = (
    ConflictError,
    DataError,
    DeclarationError,
    ModelError,
    NotFoundError,
    UnfitError,
)


class Tally:
    """Adds up by kind while an import goes on."""

    def __init__(self) -> None:
        self._there: Counter[str] = Counter()
        self._here: Counter[str] = Counter()
        self._problems: list[str] = []

    def add(self, kind: str, there: int, here: int) -> None:
        """Count some of a kind: so many there, so many of them found here."""
        self._there[kind] += there
        self._here[kind] += here

    @contextmanager
    def kept_apart(self, what: str) -> Iterator[None]:
        """Note what one thing could not come for, so that the rest goes on."""
        try:
            yield
        except _OF_ONE_THING as error:
            self.note(f"{what}: {error}")

    def note(self, problem: str) -> None:
        """Note a problem, as one line."""
        if len(self._problems) < _MOST:
            self._problems.append(" ".join(problem.split()))

    def result(self) -> Imported:
        """Return what was counted."""
        return Imported(
            counts=tuple(
                Count(kind=kind, there=self._there[kind], here=self._here[kind]) for kind in _KINDS
            ),
            problems=tuple(self._problems),
        )
