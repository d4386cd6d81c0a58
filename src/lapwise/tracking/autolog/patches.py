"""Attributes that were put in place of others, and how they go back."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

__all__ = ["Patches"]

_MISSING = object()


class Patches:
    """Replaces attributes of classes and modules, and puts back exactly what was there."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, object, object]] = []
        self._undone: list[Callable[[], None]] = []
        self._lock = Lock()

    def set(self, owner: Any, name: str, value: object) -> None:
        """Set an attribute in the owner's own dictionary, and remember what it was."""
        with self._lock:
            self._made.append((owner, name, vars(owner).get(name, _MISSING), value))
            setattr(owner, name, value)

    def on_undo(self, act: Callable[[], None]) -> None:
        """Call a function when everything goes back."""
        with self._lock:
            self._undone.append(act)

    def undo(self) -> None:
        """Put everything back, last first; what somebody else has replaced since is left alone."""
        with self._lock:
            made, self._made = self._made, []
            undone, self._undone = self._undone, []
        for act in undone:
            act()
        for owner, name, before, value in reversed(made):
            if vars(owner).get(name) is not value:
                continue
            if before is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
