"""Say what is different between two versions of a table."""

from __future__ import annotations

import polars as pl

from lapwise.core.errors import DataError
from lapwise.core.model import ColumnStatistics, DatasetVersion
from lapwise.data.model import ColumnDiff, ColumnShift, DatasetDiff
from lapwise.data.read import current, key_text
from lapwise.store.model import Store

__all__ = ["diff"]


def diff(old: DatasetVersion, new: DatasetVersion, store: Store) -> DatasetDiff:
    """Return what changed from one version to another: columns, files, rows by key, statistics.

    Raises:
        DataError: the versions are of different tables, or have different keys.
        NotFoundError, CorruptError: a blob is gone, or differs from its digest.
    """
    if (old.table, old.key) != (new.table, new.key):
        raise DataError(
            "only versions of one table with one key can be compared",
            value=f"{old.table} by {', '.join(old.key)}",
            expected=f"{new.table} by {', '.join(new.key)}",
        )
    before = {part.name: part.digest for part in old.parts}
    after = {part.name: part.digest for part in new.parts}
    added, removed, changed = _rows(old, new, store)
    return DatasetDiff(
        table=new.table,
        old=old.number,
        new=new.number,
        columns=_columns(old, new),
        files_added=tuple(sorted(after.keys() - before.keys())),
        files_removed=tuple(sorted(before.keys() - after.keys())),
        files_changed=tuple(
            sorted(name for name in before.keys() & after.keys() if before[name] != after[name])
        ),
        rows_added=added.height,
        rows_removed=removed.height,
        rows_changed=changed.height,
        added_examples=key_text(added, new.key),
        removed_examples=key_text(removed, new.key),
        changed_examples=key_text(changed, new.key),
        shifts=_shifts(old, new),
        watermarks=(old.watermark, new.watermark),
    )


def _columns(old: DatasetVersion, new: DatasetVersion) -> tuple[ColumnDiff, ...]:
    before = {column.name: column.dtype for column in old.columns}
    after = {column.name: column.dtype for column in new.columns}
    return tuple(
        ColumnDiff(name=name, old=before.get(name, ""), new=after.get(name, ""))
        for name in dict.fromkeys((*before, *after))
        if before.get(name) != after.get(name)
    )


def _rows(
    old: DatasetVersion, new: DatasetVersion, store: Store
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return the keys that came, went, and whose row is another, each sorted by key."""
    types = {column.name: column.dtype for column in new.columns}
    shared = sorted(column.name for column in old.columns if types.get(column.name) == column.dtype)
    digest = pl.struct(name for name in shared).hash().alias("__lapwise_row")
    key = list(new.key)
    before = current(old, store).select(*key, digest)
    after = current(new, store).select(*key, digest)
    added = after.join(before, on=key, how="anti").select(key).sort(key)
    removed = before.join(after, on=key, how="anti").select(key).sort(key)
    changed = (
        after.join(before, on=key, how="inner")
        .filter(pl.col("__lapwise_row") != pl.col("__lapwise_row_right"))
        .select(key)
        .sort(key)
    )
    try:
        first, second, third = pl.collect_all([added, removed, changed])
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"the rows of table '{new.table}' cannot be compared by key",
            value=", ".join(key),
            expected="key columns of the same type in both versions",
        ) from error
    return first, second, third


def _shifts(old: DatasetVersion, new: DatasetVersion) -> tuple[ColumnShift, ...]:
    before = {statistics.name: statistics for statistics in old.statistics}
    shifts = [
        ColumnShift(
            name=after.name,
            old=before[after.name],
            new=after,
            shift=_shift(before[after.name], after),
        )
        for after in new.statistics
        if after.name in before and before[after.name] != after
    ]
    return tuple(shifts)


def _shift(old: ColumnStatistics, new: ColumnStatistics) -> float | None:
    if old.mean is None or new.mean is None or not old.std:
        return None
    return (new.mean - old.mean) / old.std
