"""The language of searches: parsed once, compiled for runs, experiments, models and versions."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["Asked", "Attribute", "Named", "Subject", "fetch"]

if TYPE_CHECKING:
    from lapwise.store.search.page import Asked, fetch
    from lapwise.store.search.subject import Attribute, Named, Subject

_HOMES = {"Asked": "page", "fetch": "page"}


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'subject')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
