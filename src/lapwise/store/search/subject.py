"""What can be searched for, and which names a filter may use for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, FromClause

__all__ = ["Attribute", "Kind", "Named", "Subject"]

Kind: TypeAlias = Literal["text", "number", "micros", "millis"]
"""How an attribute is compared: as text, as a number, or as a time kept in microseconds.

A number on the right is microseconds for ``micros``, and milliseconds for ``millis``, as MLflow
writes times; quoted text is an ISO 8601 date or time for both.
"""


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """One value of each row: ``name``, ``status``, ``started``.

    Args:
        column: the value; may be NULL.
        kind: how it is compared.
        read: what a quoted text means, as several exact values; itself when None.
    """

    column: ColumnElement[Any]
    kind: Kind = "text"
    read: Callable[[str], tuple[str, ...]] | None = None


@dataclass(frozen=True, kw_only=True)
class Named:
    """Values by name in a table of their own: ``metrics.auc``, ``params.lr``, ``tags.owner``.

    Args:
        table: where they are.
        owner: its column that says whose a row is.
        key: what ``owner`` equals, of the subject.
        where: given the table (or an alias of it) and a name, which rows have the name.
        text: the column compared with quoted text; None when it is compared with numbers only.
        number: the column compared with numbers; None when it is compared with text only.
        nan: NULL in ``number`` is NaN, and text is no value at all.
        last: where they are of which each row has one of a name, to sort by; ``table`` when None.
        fields: the only names there are, each a column to compare as text; many rows may have it.
        otherwise: by name, the subject's own column whose text is the value of those that have no row
            of the name; NULL and empty text are none.
    """

    table: FromClause
    owner: str
    key: ColumnElement[Any]
    where: Callable[[FromClause, str], ColumnElement[bool]]
    text: str | None = None
    number: str | None = None
    nan: bool = False
    last: FromClause | None = None
    fields: tuple[str, ...] = ()
    otherwise: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Rows of a table that can be searched for.

    Args:
        noun: what they are called in an error, as ``runs``.
        table: where they are.
        key: the column that tells one from every other; the last thing that rows are sorted by.
        attributes: by lower-case name.
        named: by kind, as ``metrics``.
        kinds: other names of kinds, as ``metric``; of ``attributes`` too.
        refused: lower-case attribute that cannot be searched for: why, as what is expected.
        descending: whether the largest key comes first.
    """

    noun: str
    table: FromClause
    key: ColumnElement[Any]
    attributes: Mapping[str, Attribute]
    named: Mapping[str, Named] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    descending: bool = True
