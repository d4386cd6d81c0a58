"""Turn what a filter says into SQL: one semi-join for each comparison, whatever the database."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any as Anything

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Text,
    and_,
    bindparam,
    false,
    literal,
    not_,
    or_,
    select,
    true,
)

from lapwise.core.clock import parse_time
from lapwise.core.errors import DeclarationError
from lapwise.store.nearest import nearest
from lapwise.store.search.parse import unreadable
from lapwise.store.search.patterns import matches
from lapwise.store.search.subject import Attribute, Named, Subject
from lapwise.store.search.terms import (
    All,
    Among,
    Any,
    Compared,
    Key,
    Like,
    Literals,
    Missing,
    Not,
    Term,
)

__all__ = ["Compiler", "binary"]

_ACTS: dict[str, Callable[[Anything, Anything], ColumnElement[bool]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_LONGEST_PATTERN = 500
_NUMERIC = "one of = != < <= > >= IN before a number"


class Compiler:
    """Compiles the terms of one text for one subject.

    A comparison is true or false and never unknown: it is false where the value is missing, and NOT
    of it is true there. NaN equals NaN, differs from every other number, and is neither more nor less.

    Args:
        subject: what is searched for.
        sqlite: whether the SQL is for SQLite.
        text: the text of the terms, for errors.
        what: ``filter`` or ``order``.
    """

    def __init__(self, subject: Subject, *, sqlite: bool, text: str, what: str = "filter") -> None:
        self._subject = subject
        self._sqlite = sqlite
        self._text = text
        self._what = what

    def clause(self, term: Term) -> ColumnElement[bool]:
        """Return what is true of the rows that the term is true of."""
        return self._clause(term, negated=False)[0]

    def _clause(self, term: Term, *, negated: bool) -> tuple[ColumnElement[bool], int]:
        """Return a clause and its depth.

        SQLite's parser has room for a hundred open signs. So NOT is moved inwards, and the deepest
        part of each level is written first: then a level costs one sign.
        """
        while isinstance(term, Not):
            term, negated = term.part, not negated
        if isinstance(term, All | Any):
            parts = [self._clause(part, negated=negated) for part in term.parts]
            parts.sort(key=lambda part: part[1], reverse=True)
            join = and_ if isinstance(term, All) is not negated else or_
            return join(*(clause for clause, _ in parts)), parts[0][1] + 1
        found = self.find(term.key)
        if isinstance(found, Attribute):
            clause = self._of_attribute(term, found)
        else:
            clause = self._of_named(term, found)
        return (not_(clause) if negated else clause), 0

    def find(self, key: Key) -> Attribute | Named:
        """Return what a key names.

        Raises:
            DeclarationError: nothing that can be searched for.
        """
        subject = self._subject
        kind = key.kind.lower()
        kind = subject.kinds.get(kind, kind)
        if kind in {"", "attributes"}:
            name = key.name.lower()
            if name in subject.attributes:
                return subject.attributes[name]
            if name in subject.refused:
                raise self._wrong(key.column, subject.refused[name])
            near = nearest(
                name, sorted({*subject.attributes, *(f"{one}." for one in subject.named)})
            )
            raise self._wrong(key.column, f"a name of {subject.noun}: {near}")
        if kind not in subject.named:
            kinds = sorted(f"{one}.NAME" for one in {*subject.named, "attributes"})
            raise self._wrong(key.column, "one of " + ", ".join(kinds))
        named = subject.named[kind]
        if named.fields and key.name not in named.fields:
            raise self._wrong(key.column, f"{kind}." + f", {kind}.".join(named.fields))
        return named

    def _of_attribute(
        self, term: Compared | Like | Among | Missing, found: Attribute
    ) -> ColumnElement[bool]:
        column = found.column
        if isinstance(term, Missing):
            return column.is_not(None) if term.negated else column.is_(None)
        if found.kind == "text":
            test = self._text_test(term, column, found.read)
        else:
            scale = 1000 if found.kind == "millis" else 1
            shown = column // scale if scale > 1 else column
            test = self._number_test(
                term, shown, self._moment(found) if found.kind != "number" else None
            )
        return and_(column.is_not(None), test)  # never unknown, also under NOT

    def _of_named(
        self, term: Compared | Like | Among | Missing, named: Named
    ) -> ColumnElement[bool]:
        where = named.where(named.table, term.key.name)
        owner = named.table.c[named.owner]
        there = select(literal(1)).where(owner == named.key, where).exists()
        own = named.otherwise.get(term.key.name)
        instead = false() if own is None else and_(not_(there), own.is_not(None), own != "")
        if isinstance(term, Missing):
            found = there if own is None else or_(there, instead)
            return found if term.negated else not_(found)
        if named.fields:
            test = self._text_test(term, named.table.c[term.key.name], None)
        else:
            test = self._value_test(term, named)
        sought = select(owner).where(where, test)
        if named.fields or _is_narrow(term):
            return named.key.in_(sought)
        found = sought.where(owner == named.key).exists()
        return found if own is None else or_(found, and_(instead, self._text_test(term, own, None)))

    def _value_test(self, term: Compared | Like | Among, named: Named) -> ColumnElement[bool]:
        columns = named.table.c
        text = None if named.text is None else columns[named.text]
        number = None if named.number is None else columns[named.number]
        numeric = not isinstance(term, Like) and all(
            isinstance(one, int | float) and not isinstance(one, bool) for one in _values(term)
        )
        if numeric and number is not None:
            if not named.nan and any(map(_is_nan, _values(term))):
                raise self._wrong(term.column, "a number, or 'nan' in quotes")
            return self._with_null(term, self._number_test(term, number, None), number)
        if text is None:
            raise self._wrong(term.column, _NUMERIC if isinstance(term, Like) else "a number")
        if numeric:
            raise self._wrong(term.column, "text in quotes")
        return self._text_test(term, text, None)

    def _with_null(
        self,
        term: Compared | Like | Among,
        test: ColumnElement[bool],
        number: ColumnElement[Anything],
    ) -> ColumnElement[bool]:
        """Count NULL, which is NaN or text, as unequal to every number but NaN."""
        negative = (isinstance(term, Compared) and term.sign == "!=") or (
            isinstance(term, Among) and term.negated
        )
        asked = any(_is_nan(value) for value in _values(term))
        if asked == negative:
            return and_(number.is_not(None), test)
        return or_(number.is_(None), test)

    def _text_test(
        self,
        term: Compared | Like | Among,
        column: ColumnElement[Anything],
        read: Callable[[str], tuple[str, ...]] | None,
    ) -> ColumnElement[bool]:
        if isinstance(term, Like):
            if len(term.pattern) > _LONGEST_PATTERN:
                raise self._wrong(
                    term.column, f"a pattern of at most {_LONGEST_PATTERN} characters"
                )
            return matches(column, term, sqlite=self._sqlite)
        values: list[str] = []
        for value in _values(term):
            if isinstance(value, bool):
                values += [str(value), str(value).lower()]
            elif isinstance(value, str):
                values += read(value) if read is not None else (value,)
            else:
                raise self._wrong(term.column, "text in quotes")
        if isinstance(term, Among):
            return column.not_in(values) if term.negated else column.in_(values)
        if term.sign in {"=", "!="}:
            if len(values) == 1:
                return _ACTS[term.sign](column, literal(values[0], Text))
            return column.in_(values) if term.sign == "=" else column.not_in(values)
        if len(values) != 1:
            raise self._wrong(term.column, "text that can be put into an order")
        return _ACTS[term.sign](binary(column, sqlite=self._sqlite), literal(values[0], Text))

    def _number_test(
        self,
        term: Compared | Like | Among,
        column: ColumnElement[Anything],
        moment: Callable[[str], int] | None,
    ) -> ColumnElement[bool]:
        if isinstance(term, Like):
            raise self._wrong(term.column, _NUMERIC)
        numbers = [self._number(value, term.column, moment) for value in _values(term)]
        known = [one for one in numbers if not _is_nan(one)]
        if isinstance(term, Among):
            test = column.in_([_bound(one, column) for one in known])
            return not_(test) if term.negated else test
        if not known:
            if term.sign in {"=", "!="}:
                return false() if term.sign == "=" else true()
            raise self._wrong(term.column, "a number: NaN is neither more nor less than one")
        return _ACTS[term.sign](column, _bound(known[0], column))

    def _number(self, value: Literals, at: int, moment: Callable[[str], int] | None) -> int | float:
        if isinstance(value, bool):
            raise self._wrong(at, "a number")
        if not isinstance(value, str):
            return value
        if moment is None:
            raise self._wrong(at, "a number, without quotes")
        try:
            return moment(value)
        except DeclarationError:
            raise self._wrong(
                at, "a number, or a date or time such as '2026-03-01T12:00'"
            ) from None

    def _moment(self, found: Attribute) -> Callable[[str], int]:
        if found.kind == "micros":
            return parse_time
        return lambda text: parse_time(text) // 1000

    def _wrong(self, column: int, expected: str) -> DeclarationError:
        return unreadable(self._text, column, expected, self._what)


def binary(column: ColumnElement[Anything], *, sqlite: bool) -> ColumnElement[Anything]:
    """Return text that sorts by code point, as SQLite sorts it anyway."""
    return column if sqlite else column.collate("C")


def _values(term: Compared | Like | Among) -> Sequence[Literals]:
    if isinstance(term, Like):
        return (term.pattern,)
    return term.values if isinstance(term, Among) else (term.value,)


def _is_narrow(term: Compared | Like | Among) -> bool:
    """Say whether an index over values leads to the rows, so that they are gathered from there.

    Where it does not, SQLite would read all rows of a name before the first is found; so it asks
    run by run instead, the newest first, and stops when the page is full.
    """
    if isinstance(term, Like) or (isinstance(term, Among) and term.negated):
        return False
    if isinstance(term, Compared) and term.sign == "!=":
        return False
    return all(isinstance(value, int | float) for value in _values(term))


def _is_nan(value: Literals) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _bound(value: float, column: ColumnElement[Anything]) -> ColumnElement[Anything]:
    """Return a number as it is compared: a fraction stays one beside a column of integers."""
    if isinstance(value, int) and not isinstance(column.type, Double):
        return bindparam(None, value, BigInteger, unique=True)
    return bindparam(None, float(value), Double, unique=True)
