"""Read a table's rows from its files as they are now: no store, no version, nothing is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from lapwise.core.declaration import Table
from lapwise.data.collect import read_only
from lapwise.data.contract import require_contract
from lapwise.data.instants import in_utc
from lapwise.data.schema import check_rows, read_schema

__all__ = ["open_files"]


@contextmanager
def open_files(table: Table, *, root: Path) -> Iterator[pl.LazyFrame]:
    """Yield all rows of a table, corrections included, checked as a snapshot checks them.

    The frame can be read as long as the context is open.

    Args:
        table: the declaration; its build function is called.
        root: the folder that ``table.source`` is relative to.

    Raises:
        DataError: a file or column is missing, unreadable or not as declared.
        ContractError: rows break the contract.
        StepError: the build function raised.
    """
    with read_only(table, root=root) as contents:
        read_schema(table, contents)
        rows = in_utc(pl.scan_parquet([one.path for one in contents], glob=False))
        check_rows(table, rows)
        if table.contract is not None:
            require_contract(table, rows)
        yield rows
