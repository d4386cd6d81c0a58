"""Tables of other tools, only ever read."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapwise.store.foreign.mlflow_tables import MlflowTables

__all__ = ["MlflowTables"]

_HOMES = {"MlflowTables": "lapwise.store.foreign.mlflow_tables"}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
