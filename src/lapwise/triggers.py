"""What may start a lap: ``from lapwise import triggers``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.monitoring.triggers import Code, OnAlarm, Schedule

__all__ = ["Code", "OnAlarm", "Schedule"]


def __getattr__(name: str) -> object:
    """Import a trigger when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'lapwise.triggers' has no attribute {name!r}")
    from lapwise.monitoring import triggers

    return getattr(triggers, name)
