"""Regular expressions whose meaning on ASCII text is the same in Rust and in Python."""

from __future__ import annotations

import re

__all__ = ["compiled", "is_literal"]

_SPECIAL = frozenset(r"\.+*?()|[]{}^$#&-~")
_ESCAPES = frozenset("dDwWsSbtnr.+*?()|[]{}^$-/")
# An atom, then at most one quantifier. No group may repeat what repeats inside it.
_CLASS = re.compile(
    r"\[\^?(?:[A-Za-z0-9_ .,:;/@!%=<>'\"+*?(){}|$#]|[A-Za-z0-9]-[A-Za-z0-9]|\\[dws.\\\[\]-])+\]"
)
_REPEAT = re.compile(r"(?:[*+?]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\})\??")


def is_literal(text: str) -> bool:
    """Return whether a pattern holds nothing but itself."""
    return not _SPECIAL & set(text)


def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern to be searched for in ASCII text.

    Raises:
        ValueError: the pattern has something that is not known to mean the same in both languages,
            or so many repetitions that a hostile text of some 100 letters would take long.
    """
    made: list[str] = []
    place, depth, repeated = 0, 0, 0
    while place < len(pattern):
        character = pattern[place]
        if character == "[":
            found = _CLASS.match(pattern, place)
            if not found:
                raise _unknown(pattern)
            atom = found[0]
        elif character == "\\":
            atom = pattern[place : place + 2]
            if atom[1:] not in _ESCAPES:
                raise _unknown(pattern)
        elif pattern.startswith("(?", place):
            if not pattern.startswith("(?:", place):
                raise _unknown(pattern)
            atom = "(?:"
        else:
            atom = character
            if not character.isascii() or character in "*+?{}]":
                raise _unknown(pattern)
        place += len(atom)
        depth += atom in ("(", "(?:")
        depth -= atom == ")"
        made.append(r"\Z" if atom == "$" else atom)
        repeat = _REPEAT.match(pattern, place)
        if repeat:
            repeated += repeat[0] != "?"
            if atom in ("(", "(?:", ")", "|", "^", "$", r"\b") or repeated > 2:
                raise _unknown(pattern)
            made.append(repeat[0])
            place = repeat.end()
    try:
        return re.compile("".join(made), re.ASCII)
    except re.error:
        raise _unknown(pattern) from None


def _unknown(pattern: str) -> ValueError:
    return ValueError(f"the regular expression {pattern!r}")
