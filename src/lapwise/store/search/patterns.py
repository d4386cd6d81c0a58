"""LIKE and ILIKE, which the two databases understand differently."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, Text, literal, not_

from lapwise.store.search.terms import Like

__all__ = ["matches"]

_PART = re.compile(r"\\([%_\\])|([%_])|(.)", re.DOTALL)


def matches(column: ColumnElement[Any], term: Like, *, sqlite: bool) -> ColumnElement[bool]:
    r"""Return whether text is like a pattern: ``%`` is any text, ``_`` any sign, ``\%`` a per cent.

    LIKE heeds case on both databases, where SQLite's own does not; ILIKE heeds none.
    """
    if sqlite and not term.folded:
        glob = _written(term.pattern, {"%": "*", "_": "?"}, {"*": "[*]", "?": "[?]", "[": "[[]"})
        found = column.op("GLOB", is_comparison=True)(literal(glob, Text))
    else:
        pattern = _written(term.pattern, {}, {"%": "!%", "_": "!_", "!": "!!"})
        test = column.like if sqlite or not term.folded else column.ilike
        found = test(literal(pattern, Text), escape="!")
    return not_(found) if term.negated else found


def _written(pattern: str, wild: dict[str, str], plain: dict[str, str]) -> str:
    """Return a pattern in another spelling."""
    return "".join(
        wild.get(sign, sign) if sign else plain.get(escaped or other, escaped or other)
        for escaped, sign, other in _PART.findall(pattern)
    )
