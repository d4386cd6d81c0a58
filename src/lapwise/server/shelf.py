"""The store behind the server, opened when the first request needs it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TypeAlias

from lapwise.store.model import Store

__all__ = ["Opener", "Shelf"]

Opener: TypeAlias = Callable[[], Store]


class Shelf:
    """Holds a store; one it opened itself it also closes.

    Args:
        store: an open store, which its owner closes, or a function that opens one.
    """

    def __init__(self, store: Store | Opener) -> None:
        self._open: Opener | None = store if callable(store) else None
        self._store: Store | None = None if callable(store) else store
        self._lock = Lock()

    def store(self) -> Store:
        """Return the store.

        Raises:
            StoreError: it cannot be opened; the next request tries again.
        """
        with self._lock:
            if self._store is None:
                if self._open is None:
                    raise RuntimeError("closed")  # pragma: no cover
                self._store = self._open()
            return self._store

    def close(self) -> None:
        """Close the store if it was opened here."""
        with self._lock:
            if self._open is not None and self._store is not None:
                self._store.close()
                self._store = None
