"""Errors on their way from a store to whoever called it over HTTP, and back into what they were."""

from __future__ import annotations

from typing import Any

import msgspec

from lapwise.core import errors
from lapwise.core.errors import (
    ConflictError,
    DeclarationError,
    LapwiseError,
    NotFoundError,
    StageError,
    StoreError,
)

__all__ = ["Refusal", "error_of", "is_known", "refusal_of"]

_OF_CALLERS = (ConflictError, DeclarationError, NotFoundError, StageError)
_KINDS: dict[str, type[LapwiseError]] = {name: getattr(errors, name) for name in errors.__all__}


class Refusal(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as a caller may read it.

    ``kind`` is its class. A value that the caller sent is not sent back: ``argument`` names it. What
    ails the server itself keeps its value there, for it may be a path.
    """

    error: str
    expected: str = ""
    fix: str = ""
    kind: str = ""
    argument: str = ""
    value: str | int | float | bool | None = None


def refusal_of(error: LapwiseError, arguments: object = None) -> Refusal:
    """Return what of an error may travel to whoever called with some arguments.

    >>> refusal_of(errors.NotFoundError("there is no run", value="99")).kind
    'NotFoundError'
    """
    argument = _argument(error.value, arguments)
    return Refusal(
        error=error.thing,
        expected=error.expected,
        fix=error.fix,
        kind=type(error).__name__,
        argument=argument,
        value=None if argument or not isinstance(error, _OF_CALLERS) else _short(error.value),
    )


def error_of(refusal: Refusal, arguments: object = None) -> LapwiseError:
    """Return the error that a refusal was, for the arguments that were refused.

    >>> print(error_of(Refusal(error="there is no run", kind="NotFoundError")))
    there is no run
    """
    return _KINDS.get(refusal.kind, StoreError)(
        refusal.error,
        value=getattr(arguments, refusal.argument, refusal.value),
        expected=refusal.expected,
        fix=refusal.fix,
    )


def is_known(refusal: Refusal) -> bool:
    """Say whether a refusal is of a kind that is raised here too, and not a newer server's."""
    return _KINDS.get(refusal.kind) is not None


def _argument(value: Any, arguments: object) -> str:
    if not isinstance(value, str | int) or not isinstance(arguments, msgspec.Struct):
        return ""
    for name in arguments.__struct_fields__:
        if getattr(arguments, name) == value:
            return name
    return ""


def _short(value: Any) -> str | int | float | bool | None:
    """Return a value that an error shows anyway; of a long text, as much as it shows."""
    if isinstance(value, str):
        return value[:200]
    return value if isinstance(value, int | float | bool) else None
