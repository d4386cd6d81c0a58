"""Parameters of runs and of logged models: how they are kept, and that they never change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, bindparam, select

from lapwise.core.errors import ConflictError
from lapwise.core.model import Param, Scalar
from lapwise.store.encoding import encode

__all__ = ["add_params", "number_of", "scalar_columns", "text_of"]


def add_params(
    connection: Connection,
    insert_once: Any,
    owned: Column[Any],
    owner: int | str,
    params: Sequence[Param],
    whose: str,
) -> None:
    """Add parameters inside a transaction; the same value again is fine.

    Args:
        connection: the transaction.
        insert_once: ``Database.insert_once`` of their table, which is slow to make.
        owned: the table's column that says whose they are.
        owner: what stands there.
        params: what to add.
        whose: the same for people.

    Raises:
        ConflictError: one has another value already.
    """
    if not params:
        return
    rows = [{owned.name: owner, "name": one.name, **scalar_columns(one.value)} for one in params]
    connection.execute(insert_once, sorted(rows, key=lambda row: str(row["name"])))
    kept = {row.name: row.value for row in connection.execute(_kept(owned), {"owner": owner})}
    for one, row in zip(params, rows, strict=True):
        if kept[one.name] != row["value"]:
            raise ConflictError(
                f"parameter '{one.name}' of {whose} is {kept[one.name]} and never changes",
                value=one.value,
                expected="the value it was first logged with",
                fix="log it under another name, or start another run",
            )


@cache
def _kept(owned: Column[Any]) -> Any:
    columns = owned.table.c
    return select(columns.name, columns.value).where(owned == bindparam("owner"))


def scalar_columns(value: Scalar) -> dict[str, str | float | None]:
    """Return ``value``, ``text`` and ``number`` of a parameter's row.

    >>> scalar_columns("0.10")
    {'value': '"0.10"', 'text': '0.10', 'number': 0.1}
    """
    return {"value": encode(value), "text": text_of(value), "number": number_of(value)}


def text_of(value: Scalar) -> str:
    """Return a value as a person reads it, which is what an MLflow client would have sent.

    >>> text_of(1e-05), text_of(True), text_of(None)
    ('1e-05', 'True', 'None')
    """
    return str(value).replace("\0", "\N{REPLACEMENT CHARACTER}")  # which PostgreSQL does not take


def number_of(value: Scalar) -> float | None:
    """Return the finite number that a value is, or that its text reads like; else None.

    >>> number_of("-1e3"), number_of("ten"), number_of(True), number_of(float("nan"))
    (-1000.0, None, None, None)
    """
    if value is None or isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
