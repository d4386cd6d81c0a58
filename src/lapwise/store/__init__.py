"""One metadata database and one content-addressed blob store."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapwise.store.blobs import Blobs, open_blobs
    from lapwise.store.migrate import upgrade
    from lapwise.store.model import Store
    from lapwise.store.open import open_store

__all__ = ["Blobs", "Store", "open_blobs", "open_store", "upgrade"]

_HOME = {
    "Blobs": "blobs",
    "Store": "model",
    "open_blobs": "blobs",
    "open_store": "open",
    "upgrade": "migrate",
}


def __getattr__(name: str) -> Any:
    """Load a public name where it lives, so that importing the room loads no SQL."""
    if name not in _HOME:
        raise AttributeError(f"module 'lapwise.store' has no attribute '{name}'")
    return getattr(import_module(f"lapwise.store.{_HOME[name]}"), name)
