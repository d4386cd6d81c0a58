"""What a filter says, as a tree of small records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "All",
    "Among",
    "Any",
    "Compared",
    "Key",
    "Like",
    "Literals",
    "Missing",
    "Not",
    "Order",
    "Term",
]

Literals: TypeAlias = str | int | float | bool
"""The right side of a comparison: quoted text, a number, or true and false."""

Sign: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Key:
    """What is compared: a name of a kind (``metrics``), or of no kind; ``column`` counts from 1."""

    kind: str
    name: str
    column: int


@dataclass(frozen=True, slots=True)
class Compared:
    """``key sign value``."""

    key: Key
    sign: Sign
    value: Literals
    column: int


@dataclass(frozen=True, slots=True)
class Like:
    """``key [NOT] LIKE pattern``; ``folded`` for ILIKE."""

    key: Key
    pattern: str
    folded: bool
    negated: bool
    column: int


@dataclass(frozen=True, slots=True)
class Among:
    """``key [NOT] IN (values)``."""

    key: Key
    values: tuple[Literals, ...]
    negated: bool
    column: int


@dataclass(frozen=True, slots=True)
class Missing:
    """``key IS [NOT] NULL``."""

    key: Key
    negated: bool


@dataclass(frozen=True, slots=True)
class Not:
    """True where its part is not."""

    part: Term


@dataclass(frozen=True, slots=True)
class All:
    """True where every part is."""

    parts: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """True where a part is."""

    parts: tuple[Term, ...]


Term: TypeAlias = Compared | Like | Among | Missing | Not | All | Any


@dataclass(frozen=True, slots=True)
class Order:
    """What rows are sorted by."""

    key: Key
    descending: bool
