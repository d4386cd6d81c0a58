"""Tell other systems what happened: signed, again and again until they have it, and nobody inside."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapwise.server.webhooks.delivering import Deliverer, Pace
    from lapwise.server.webhooks.signing import new_secret, sign

__all__ = ["Deliverer", "Pace", "new_secret", "sign"]

_HOME = {
    "Deliverer": "delivering",
    "Pace": "delivering",
    "new_secret": "signing",
    "sign": "signing",
}


def __getattr__(name: str) -> Any:
    """Load a public name where it lives."""
    if name not in _HOME:
        raise AttributeError(f"module 'lapwise.server.webhooks' has no attribute '{name}'")
    return getattr(import_module(f"lapwise.server.webhooks.{_HOME[name]}"), name)
