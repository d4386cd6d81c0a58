"""A page of a search: rows in an order that is total, and a token that says where it ended."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any

import blake3
import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Integer,
    Numeric,
    Text,
    and_,
    bindparam,
    false,
    or_,
    select,
)
from sqlalchemy.types import TypeEngine

from lapwise.core.errors import DeclarationError
from lapwise.store.search.compile import Compiler, binary
from lapwise.store.search.deadline import SECONDS, hurried
from lapwise.store.search.parse import parse_filter, parse_order, unreadable
from lapwise.store.search.subject import Attribute, Subject

__all__ = ["MOST_NAMES", "Asked", "check_few", "fetch"]

MOST_ROWS = 50_000
MOST_NAMES = 10_000
"""Names that a search may be asked about at once: experiments, or columns."""
_MOST_ORDERS = 10
_Value = str | int | float | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asks a search for; ``salt`` is what else decides which rows there are."""

    where: str = ""
    order: Sequence[str] = ()
    limit: int = 100
    after: str = ""
    salt: tuple[str, ...] = ()


class _Sort(msgspec.Struct, frozen=True):
    column: ColumnElement[Any]
    descending: bool
    numeric: bool
    nullable: bool = True


class _Join(msgspec.Struct, frozen=True):
    table: FromClause
    on: ColumnElement[bool]
    place: int  # of its first sort


class _Part(msgspec.Struct, frozen=True):
    source: FromClause
    where: Sequence[ColumnElement[bool]]
    sorts: Sequence[_Sort]


def fetch(
    connection: Connection,
    subject: Subject,
    columns: Sequence[ColumnElement[Any]],
    asked: Asked,
    scope: Sequence[ColumnElement[bool]] = (),
) -> tuple[Sequence[Any], str]:
    """Return the rows of one page, and the token of the next; it is empty at the end.

    Rows that lack what they are sorted by come last, in either direction.

    Args:
        connection: an open transaction.
        subject: what is searched for.
        columns: what is read of each row.
        asked: filter, order, limit, and the token of the page before.
        scope: what must be true besides the filter.

    Raises:
        DeclarationError: the filter, the order, the limit or the token cannot be.
    """
    if not 1 <= asked.limit <= MOST_ROWS:
        raise DeclarationError(
            "a page cannot have so many rows",
            value=asked.limit,
            expected=f"1 to {MOST_ROWS}",
            fix="ask for the next page with what the last one calls next",
        )
    sqlite = connection.dialect.name == "sqlite"
    term = parse_filter(asked.where)
    joins, sorts = _sorts(subject, asked, sqlite=sqlite)
    mark = _mark(subject, asked)
    values = _opened(asked.after, mark, sorts) if asked.after else None
    wanted = [sort.column.label(f"sort_{place}") for place, sort in enumerate(sorts)]
    query = select(*columns, *wanted).where(*scope)
    if term is not None:
        query = query.where(Compiler(subject, sqlite=sqlite, text=asked.where).clause(term))
    rows: list[Any] = []
    for part in _parts(subject.table, joins, sorts, values):
        some = query.select_from(part.source).where(*part.where)
        some = some.order_by(*map(_ordered, part.sorts)).limit(asked.limit + 1 - len(rows))
        with hurried(connection, SECONDS):
            rows += connection.execute(some)
        if len(rows) > asked.limit:
            rows = rows[: asked.limit]
            return rows, _token(mark, rows[-1][len(columns) :])
    return rows, ""


def check_few(names: Sequence[str] | None, what: str) -> None:
    """Refuse more names than a search can be asked about at once.

    Raises:
        DeclarationError: there are too many.
    """
    if names is not None and len(names) > MOST_NAMES:
        raise DeclarationError(
            f"a search names too many {what}", value=len(names), expected=f"at most {MOST_NAMES}"
        )


def _sorts(subject: Subject, asked: Asked, *, sqlite: bool) -> tuple[list[_Join], list[_Sort]]:
    """Return what rows are sorted by, and the tables beside theirs where that stands."""
    if len(asked.order) > _MOST_ORDERS:
        raise DeclarationError(
            "a search is sorted by too much",
            value=f"{len(asked.order)} names",
            expected=f"at most {_MOST_ORDERS}",
        )
    joins: list[_Join] = []
    sorts: list[_Sort] = []
    for text in asked.order:
        order = parse_order(text)
        compiler = Compiler(subject, sqlite=sqlite, text=text, what="order")
        found = compiler.find(order.key)
        if isinstance(found, Attribute):
            numeric = found.kind != "text"
            column = found.column if numeric else binary(found.column, sqlite=sqlite)
            nullable = bool(getattr(found.column, "nullable", True))
            sorts.append(_Sort(column, order.descending, numeric, nullable))
            continue
        if found.fields:
            raise unreadable(text, order.key.column, "what a row has one of", "order")
        other = (found.table if found.last is None else found.last).alias()
        on = and_(other.c[found.owner] == found.key, found.where(other, order.key.name))
        joins.append(_Join(other, on, len(sorts)))
        if found.number is not None:  # numbers before text, each in its own order
            sorts.append(_Sort(other.c[found.number], order.descending, numeric=True))
        if found.text is not None:
            column = binary(other.c[found.text], sqlite=sqlite)
            sorts.append(_Sort(column, order.descending, numeric=False))
    key = subject.key
    numeric = isinstance(key.type, Integer | Numeric)
    column = key if numeric else binary(key, sqlite=sqlite)
    sorts.append(_Sort(column, subject.descending, numeric, nullable=False))
    return joins, sorts


def _parts(
    table: FromClause,
    joins: Sequence[_Join],
    sorts: Sequence[_Sort],
    values: Sequence[_Value] | None,
) -> Iterator[_Part]:
    """Yield what is asked for one after the other.

    Where rows are sorted by a table beside theirs, those that are there come first, by its index; the
    others are looked for only when a page is not full.
    """
    if not joins or joins[0].place:
        yield _Part(_joined(table, joins), _after(sorts, values), sorts)
        return
    first, rest = sorts[0], sorts[1:]
    if values is None or values[0] is not None:
        there = [msgspec.structs.replace(first, nullable=False), *rest]
        where = [first.column.is_not(None), *_after(there, values)]
        yield _Part(_joined(table, joins, inner=True), where, there)
    after = _after(rest, values[1:]) if values is not None and values[0] is None else []
    yield _Part(_joined(table, joins), [first.column.is_(None), *after], rest)


def _joined(table: FromClause, joins: Sequence[_Join], *, inner: bool = False) -> FromClause:
    for place, join in enumerate(joins):
        table = table.join(join.table, join.on, isouter=not inner or place > 0)
    return table


def _ordered(sort: _Sort) -> ColumnElement[Any]:
    column = sort.column.desc() if sort.descending else sort.column.asc()
    return column.nulls_last() if sort.nullable else column


def _after(sorts: Sequence[_Sort], values: Sequence[_Value] | None) -> list[ColumnElement[bool]]:
    """Return what is true of rows behind the one whose sorts have these values."""
    if values is None:
        return []
    found: list[ColumnElement[bool]] = []
    same: list[ColumnElement[bool]] = []
    for sort, value in zip(sorts, values, strict=True):
        column = sort.column
        if value is None:  # only what is missing as well is as far behind
            same = [*same, column.is_(None)]
            continue
        bound = _bound(value)
        beyond = column < bound if sort.descending else column > bound
        if sort.nullable:
            beyond = or_(beyond, column.is_(None))
        found.append(and_(*same, beyond))
        same = [*same, column == bound]
    return [or_(*found) if found else false()]


def _bound(value: _Value) -> ColumnElement[Any]:
    kind: TypeEngine[Any] = (
        Text() if isinstance(value, str) else Double() if isinstance(value, float) else BigInteger()
    )
    return bindparam(None, value, kind, unique=True)


def _mark(subject: Subject, asked: Asked) -> bytes:
    """Return what tells one question from another, but for its limit and its columns."""
    said = msgspec.msgpack.encode((subject.noun, asked.where, tuple(asked.order), asked.salt))
    return blake3.blake3(said).digest(8)


def _token(mark: bytes, values: Sequence[_Value]) -> str:
    said = msgspec.msgpack.encode((mark, list(values)))
    return base64.urlsafe_b64encode(said).rstrip(b"=").decode()


def _opened(token: str, mark: bytes, sorts: Sequence[_Sort]) -> Sequence[_Value]:
    try:
        said = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        seen, values = msgspec.msgpack.decode(said, type=tuple[bytes, list[_Value]])
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise _not_next(token, "what a page calls next") from None
    if seen != mark:
        raise _not_next(token, "the token of a page of this very search")
    if len(values) != len(sorts) or not all(map(_fits, values, sorts)):
        raise _not_next(token, "the token of a page of this very search")
    return values


def _fits(value: _Value, sort: _Sort) -> bool:
    """Say whether a row can have a value to be sorted by, and the database take it."""
    if value is None:
        return sort.nullable
    if isinstance(value, str):
        return not sort.numeric and "\0" not in value
    return sort.numeric and (isinstance(value, float) or abs(value) < 2**63)


def _not_next(token: str, expected: str) -> DeclarationError:
    return DeclarationError(
        "there is no such page",
        value=token,
        expected=expected,
        fix="start again without a token",
    )
