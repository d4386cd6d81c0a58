"""Parameters of a run: once said, they never change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from lapwise.core.errors import ConflictError
from lapwise.core.model import Param
from lapwise.store.scalars import scalar_columns
from lapwise.store.schema import param

__all__ = ["add_params"]

_KEPT = select(param.c.name, param.c.value).where(param.c.run == bindparam("number"))


def add_params(
    connection: Connection, insert_once: Any, number: int, params: Sequence[Param]
) -> None:
    """Add parameters to a run inside a transaction.

    Args:
        connection: the transaction.
        insert_once: ``Database.insert_once`` of the table, which is slow to make.
        number: the run's.
        params: what to add; the same value again is fine.

    Raises:
        ConflictError: one has another value already.
    """
    if not params:
        return
    wanted = [(one, scalar_columns(one.value)) for one in params]
    rows = [{"run": number, "name": one.name, **columns} for one, columns in wanted]
    connection.execute(insert_once, sorted(rows, key=lambda row: str(row["name"])))
    kept = {row.name: row.value for row in connection.execute(_KEPT, {"number": number})}
    for one, new in wanted:
        if kept[one.name] != new["value"]:
            raise ConflictError(
                f"parameter '{one.name}' of run {number:03d} is {kept[one.name]} and never changes",
                value=one.value,
                expected="the value it was first logged with",
                fix="log it under another name, or start another run",
            )
