"""The API that MLflow's own clients speak, over the same store."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapwise.server.mlflow.failures import failed
    from lapwise.server.mlflow.routes import MLFLOW

__all__ = ["MLFLOW", "failed"]

_HOMES = {
    "MLFLOW": "lapwise.server.mlflow.routes",
    "failed": "lapwise.server.mlflow.failures",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
