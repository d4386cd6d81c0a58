"""Who asks, and what of the store they may use: tokens, rules, logins."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lapwise.server.access.bound import bind, principal_of
    from lapwise.server.access.identity import Identity, Turnstile
    from lapwise.server.access.rules import RULES, check_rules
    from lapwise.server.access.secret import hash_secret, is_secret, new_secret

__all__ = [
    "RULES",
    "Identity",
    "Turnstile",
    "bind",
    "check_rules",
    "hash_secret",
    "is_secret",
    "new_secret",
    "principal_of",
]

_HOMES = {
    "Identity": "identity",
    "RULES": "rules",
    "Turnstile": "identity",
    "bind": "bound",
    "check_rules": "rules",
    "hash_secret": "secret",
    "is_secret": "secret",
    "new_secret": "secret",
    "principal_of": "bound",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name in _HOMES:
        return getattr(import_module(f"lapwise.server.access.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
