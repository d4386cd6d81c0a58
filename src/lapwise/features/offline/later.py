"""A long table in files, read in two parts: what orders its rows first, their values when it is done.

So the process never holds all columns at once: Polars keeps what it has taken for the first part, and
uses it again for the second. That both parts are of the same rows in the same order is seen from
the key, which is read with both: where whole numbers ascend, there is one order of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from lapwise.core.errors import DataError
from lapwise.features.corrections import FOREVER, ascends
from lapwise.features.model import FeatureView
from lapwise.features.rows import Rows, check_keys, read, value_name

__all__ = ["Later", "in_parts"]

_LONG = 1 << 20
"""Rows from which on a table is read in two parts."""

_DEAR = ("JOIN", "AGGREGATE", "SORT", "UNIQUE", "PYTHON")
"""What a plan holds that is not to be computed twice."""


@dataclass(frozen=True, slots=True)
class Later:
    """The value columns of rows that were read without them.

    Attributes:
        view: who asks for them.
        scan: the key and the value columns.
        key: the column of the key, whole numbers that ascend.
        keys: the number of keys, and a sum over their hashes.
    """

    view: FeatureView
    scan: pl.LazyFrame
    key: str
    keys: tuple[int, int]

    def read(self) -> pl.DataFrame:
        """Return the value columns, in the order of the rows that were read before.

        Raises:
            DataError: the table cannot be read, or is not what it was.
        """
        table = self.view.table.name
        values = read(self.scan, table, whole=True, view=self.view.name)
        if not ascends(values[self.key]) or _keys(values, self.key) != self.keys:
            raise DataError(
                f"view '{self.view.name}': table '{table}' changed while it was read",
                expected="files that stay as they are",
                fix="write a new version of a table beside the one that is read",
            )
        return values.drop(self.key)


def in_parts(
    view: FeatureView, rows: Rows, visible: pl.LazyFrame
) -> tuple[pl.DataFrame, Later] | tuple[None, None]:
    """Read of a table what orders its rows, with ``__until``; nothing if it is to be read whole.

    Raises:
        FeatureError: a row has no key.
        DataError: the table cannot be read.
    """
    table, values = view.table.name, [value_name(column) for column in rows.types]
    plan = visible.explain()
    if len(rows.key) > 1 or not values or "SCAN" not in plan or any(dear in plan for dear in _DEAR):
        return None, None
    (key,) = rows.key
    long = visible.select(key).slice(_LONG - 1000, 1000)
    if not ascends(read(long, table, whole=True, view=view.name)[key]):
        return None, None
    first = read(visible.drop(values), table, whole=True, view=view.name)
    check_keys(view, first.select(pl.col(key).null_count()).row(0))
    if not ascends(first[key]) or first["__event"].null_count():
        return None, None
    later = Later(view, visible.select(key, *values), key, _keys(first, key))
    return first.with_columns(__until=pl.lit(FOREVER)), later


def _keys(frame: pl.DataFrame, key: str) -> tuple[int, int]:
    chunks = frame[key].get_chunks()  # piece by piece: hashes are as long as the keys
    return frame.height, sum(int(one.hash().sum()) for one in chunks) % (1 << 64)
