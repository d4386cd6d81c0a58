"""Durations as people write them: ``"7d"``, ``"12h"``, ``"10ms"``."""

from __future__ import annotations

import re

from lapwise.core.errors import DeclarationError

__all__ = ["format_duration", "parse_duration"]

_UNITS = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
_LONGEST = 200
"""Characters; Python makes no number of some thousand digits."""
_PART = re.compile(r"(\d+)(us|ms|s|m|h|d|w)")


def parse_duration(text: str) -> int:
    """Return a duration in microseconds.

    Raises:
        DeclarationError: the text is not one or more numbers each with a unit.

    >>> parse_duration("1h30m") // 60_000_000
    90
    """
    given: object = text  # pages are not type-checked: 5 and None come too
    is_text = isinstance(given, str) and len(given) <= _LONGEST
    parts = _PART.findall(text) if is_text else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise DeclarationError(
            "not a duration",
            value=text,
            expected="numbers with units us, ms, s, m, h, d or w, such as '7d' or '1h30m'",
        )
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def format_duration(microseconds: int) -> str:
    """Return the shortest exact text for a duration.

    >>> format_duration(5_400_000_000), format_duration(0)
    ('1h30m', '0s')
    """
    text = ""
    rest = microseconds
    for unit, size in sorted(_UNITS.items(), key=lambda pair: -pair[1]):
        if unit != "w" or (not text and rest % size == 0 and rest):
            count, rest = divmod(rest, size)
            text += f"{count}{unit}" if count else ""
    return text or "0s"
