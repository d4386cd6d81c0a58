"""Bring an MLflow server or database over: runs, artifacts, registry, and a count that matches."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapwise.loop.importing.bringing import bring
    from lapwise.loop.importing.model import Count, Imported, Source
    from lapwise.loop.importing.opening import open_source

__all__ = ["Count", "Imported", "Source", "bring", "open_source"]

_HOMES = {
    "Count": "model",
    "Imported": "model",
    "Source": "model",
    "bring": "bringing",
    "open_source": "opening",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name in _HOMES:
        return getattr(import_module(f"lapwise.loop.importing.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
