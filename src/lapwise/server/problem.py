"""What went wrong, as JSON for programs: which clause, what was expected, what mends it."""

from __future__ import annotations

from lapwise.core.errors import (
    DeclarationError,
    LapwiseError,
    MissingDependencyError,
    NotFoundError,
    StoreError,
)
from lapwise.core.model import Record

__all__ = ["Problem", "problem_of", "status_of"]


class Problem(Record, frozen=True, kw_only=True):
    """An answer that is none. It names fields and commands, never a value that was sent."""

    error: str
    expected: str = ""
    fix: str = ""


def problem_of(error: LapwiseError) -> Problem:
    """Return what a caller may read of an error: all but its value."""
    return Problem(error=error.thing, expected=error.expected, fix=error.fix)


def status_of(error: LapwiseError) -> int:
    """Return the HTTP status of an error.

    >>> status_of(NotFoundError("there is no lap")), status_of(StoreError("the disk is gone"))
    (404, 503)
    """
    if isinstance(error, NotFoundError):
        return 404
    if isinstance(error, DeclarationError):
        return 400
    if isinstance(error, StoreError | MissingDependencyError):
        return 503
    return 500
