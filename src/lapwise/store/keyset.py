"""Lists a page at a time: what comes after the record that was seen last."""

from __future__ import annotations

from typing import Any, TypeAlias

from sqlalchemy import Column, ColumnElement, Connection, Select, and_, false, or_, select

from lapwise.core.errors import NotFoundError

__all__ = ["beyond"]

Order: TypeAlias = tuple[Column[Any], bool]


def beyond(
    connection: Connection, query: Select[Any], id: Column[str], after: str, *order: Order
) -> Select[Any]:
    """Return a query in an order, from behind a record on.

    A page found so stays what it is when newer records come, and costs the same however far it lies.

    Args:
        connection: to look the record up.
        query: what is listed.
        id: the column of ids.
        after: the id of the record that was seen last; empty for the beginning.
        order: columns, which together tell all rows apart, each with whether the greatest comes first.

    Raises:
        NotFoundError: there is no such record.
    """
    ordered = query.order_by(*(column.desc() if down else column for column, down in order))
    if not after:
        return ordered
    columns = [column for column, _ in order]
    last = connection.execute(select(*columns).where(id == after)).first()
    if last is None:
        raise NotFoundError(
            "there is no record to go on after", value=after, expected="the id of the last one seen"
        )
    passed: ColumnElement[bool] = false()
    for (column, down), value in reversed([*zip(order, last, strict=True)]):
        passed = or_(column < value if down else column > value, and_(column == value, passed))
    return ordered.where(passed)
