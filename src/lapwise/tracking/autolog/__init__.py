"""Autologging: what scikit-learn, LightGBM and XGBoost train is logged by itself.

One file a library; ``switch.py`` turns them on and off, ``recording.py`` decides what belongs to
which run, ``imports.py`` waits for libraries that are not imported yet.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.tracking.autolog.recording import Starter
    from lapwise.tracking.autolog.switch import LIBRARIES, Autologging, switch_off, switch_on
    from lapwise.tracking.autolog.torch import TorchCallback

__all__ = ["LIBRARIES", "Autologging", "Starter", "TorchCallback", "switch_off", "switch_on"]

_FILES = {
    "LIBRARIES": "switch",
    "Autologging": "switch",
    "Starter": "recording",
    "TorchCallback": "torch",
    "switch_off": "switch",
    "switch_on": "switch",
}


def __getattr__(name: str) -> object:
    """Load a public name when it is first asked for."""
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
