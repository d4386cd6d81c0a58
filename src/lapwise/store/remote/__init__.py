"""A store behind a server: the same Protocols, over HTTP."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from lapwise.store.address import is_remote, refuse_remote

if TYPE_CHECKING:
    from lapwise.store.remote.opening import open_remote

__all__ = ["is_remote", "open_remote", "refuse_remote"]


def __getattr__(name: str) -> Any:
    """Load what loads a client of HTTP when it is used."""
    if name != "open_remote":
        raise AttributeError(f"module 'lapwise.store.remote' has no attribute '{name}'")
    return import_module("lapwise.store.remote.opening").open_remote
