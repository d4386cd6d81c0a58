"""Hours and days of the world, in which monitoring counts; a day begins at midnight UTC."""

from __future__ import annotations

from lapwise.core.duration import parse_duration
from lapwise.core.errors import DeclarationError

__all__ = ["DAY", "HOUR", "days_of"]

HOUR = 3_600_000_000
"""Microseconds."""

DAY = 24 * HOUR
"""Microseconds."""


def days_of(text: str) -> int:
    """Return a duration as whole days.

    Raises:
        DeclarationError: it is no duration, or no whole number of days.

    >>> days_of("2w")
    14
    """
    microseconds = parse_duration(text)
    if microseconds % DAY or not microseconds:
        raise DeclarationError(
            "monitors count in whole days of the world", value=text, expected="such as '14d'"
        )
    return microseconds // DAY
