"""The point-in-time join: each example gets what was known before it, and nothing else."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from lapwise.core.errors import FeatureError
from lapwise.features.axis import Axis
from lapwise.features.corrections import FOREVER, hash_of, repeated, with_until
from lapwise.features.kernel import Int64
from lapwise.features.model import FeatureView
from lapwise.features.rows import Rows, entity_columns, microseconds, read, rows_of
from lapwise.features.window import aggregate

__all__ = ["MEMORY", "point_in_time"]

MEMORY = 4 << 30
"""Bytes that the rows of one partition, and the work on them, may take."""

_WORK = 160
"""Bytes of work on a row beside its columns: codes, order, ranges, one column in quanta."""


def point_in_time(
    examples: pl.DataFrame | pl.LazyFrame,
    views: Sequence[FeatureView],
    *,
    time: str,
    tables: Mapping[str, pl.LazyFrame],
    memory: int = MEMORY,
    known: bool = False,
) -> pl.DataFrame:
    """Add the features of views to examples, as of each example's time.

    A feature of an example at t sees a row if and only if ``known < t`` and
    ``t - within <= event <= t`` and no correction of the row (same key, known later) has
    ``known < t``. Entities that are null match nothing. See ``docs/features.md``.

    Args:
        examples: the rows to describe; rows and their order stay.
        views: what to compute, added in this order.
        time: the examples' column of prediction times (Datetime or Date, no nulls).
        tables: for each table's name all its rows, corrections included.
        memory: bytes for the rows of a partition and the work on them; a table that needs more is
            read in several passes, by hash of the entity. The result does not depend on it.
        known: add for each view ``<view>__known``, the latest known time (Int64, microseconds) of
            a row that the view's widest window shows, null if it shows none.

    Raises:
        FeatureError: a column is missing or of a wrong type, names clash, a time is null, or a
            number does not fit its fixed point.
        DataError: a table cannot be read.
    """
    frame = examples.collect() if isinstance(examples, pl.LazyFrame) else examples
    _check_names(frame, views, known=known)
    times = _times(frame, time)
    added: list[pl.Series] = []
    for view in views:
        rows = rows_of(view, tables, frame.schema)
        if frame.is_empty():
            times, entities = np.zeros(1, np.int64), entity_columns(frame, view).clear(1)
            added.extend(s.clear() for s in _joined(view, rows, entities, times, 1, known=known))
            continue
        entities = entity_columns(frame, view)
        partitions = _partitions(rows.scan, memory)
        added.extend(_joined(view, rows, entities, times, partitions, known=known))
    return frame.hstack(added)


def _check_names(frame: pl.DataFrame, views: Sequence[FeatureView], *, known: bool) -> None:
    taken = dict.fromkeys(frame.columns, "a column of the examples")
    for view in views:
        for name in (*view.names, *([f"{view.name}__known"] if known else [])):
            if name in taken:
                raise FeatureError(
                    f"view '{view.name}': the name of a feature is taken by {taken[name]}",
                    value=name,
                    expected="a name of its own for each feature",
                )
            taken[name] = f"view '{view.name}'"


def _times(frame: pl.DataFrame, time: str) -> Int64:
    if time not in frame.columns:
        raise FeatureError(
            "the examples have no time column",
            value=time,
            expected=f"one of {', '.join(frame.columns)[:160]}",
        )
    times = frame.select(microseconds(time, frame.schema, "the examples"))[time]
    if times.null_count():
        raise FeatureError(
            f"the examples' time '{time}' is null in {times.null_count()} of {len(times)} rows",
            expected="a time for each example: nothing can be known as of never",
            fix=f'examples.drop_nulls("{time}")',
        )
    return times.to_numpy()


def _partitions(scan: pl.LazyFrame, memory: int) -> int:
    """Return into how many partitions the rows go, from a sample of their size."""
    total: int = scan.select(pl.len()).collect(engine="streaming").item()
    sample = scan.head(1000).collect()
    bytes_each = sample.estimated_size() / max(sample.height, 1) + _WORK
    return min(max(math.ceil(total * bytes_each / memory), 1), 4096)


def _joined(
    view: FeatureView,
    rows: Rows,
    entities: pl.DataFrame,
    times: Int64,
    partitions: int,
    *,
    known: bool,
) -> list[pl.Series]:
    """Compute a view partition by partition, and return its columns in the examples' order."""
    name = view.table.name
    visible = rows.scan.filter(pl.col("__known") < int(times.max()))
    if partitions == 1:
        axis = Axis.of(entities, times)
        live = read(visible, name, whole=True)
        _check_keys(view, live.select(pl.col(rows.key).null_count()))
        parts = [aggregate(view, rows, with_until(live, rows.key, rows.ties), axis, known=known)]
        return _in_order(parts, [axis.order])
    shards = entities.select(hash_of(rows.by) % partitions).to_series().to_numpy()
    parts, orders = [], []
    with tempfile.TemporaryDirectory(prefix="lapwise-") as folder:
        fetch = _partitioned(view, rows, visible, partitions, Path(folder))
        for shard in range(partitions):
            chosen = np.flatnonzero(shards == shard)
            if chosen.size:
                axis = Axis.of(entities[chosen], times[chosen])
                parts.append(aggregate(view, rows, fetch(shard), axis, known=known))
                orders.append(chosen[axis.order])
    return _in_order(parts, orders)


def _partitioned(
    view: FeatureView, rows: Rows, visible: pl.LazyFrame, partitions: int, folder: Path
) -> Callable[[int], pl.DataFrame]:
    """Settle corrections, and return what reads the live rows of a partition.

    A correction may move a row to another entity, so keys are settled first, in partitions of the
    key; rows of keys that have corrections are kept aside in Parquet files. Then each partition of
    entities reads the other rows from the table, and its share of those set aside.
    """
    name = view.table.name
    _check_keys(view, read(visible.select(pl.col(rows.key).null_count()), name, whole=False))
    of_key = hash_of(rows.key)
    again: list[pl.Series] = []
    for part in range(partitions):
        mine = visible.filter(of_key % partitions == part)
        hashes = repeated(read(mine.select(of_key), name, whole=False).to_series())
        if not hashes.is_empty():
            again.append(hashes)
            chains = mine.filter(of_key.is_in(hashes.implode()))
            settled = with_until(read(chains, name, whole=False), rows.key, rows.ties)
            settled.write_parquet(folder / f"{part}.parquet")
    alone = visible
    if again:
        alone = visible.filter(~of_key.is_in(pl.concat(again).implode()))

    def fetch(shard: int) -> pl.DataFrame:
        mine = hash_of(rows.by) % partitions == shard
        unique = read(alone.filter(mine).with_columns(__until=pl.lit(FOREVER)), name, whole=False)
        if not again:
            return unique
        settled = pl.scan_parquet(sorted(folder.iterdir()), glob=False).filter(mine)
        return pl.concat([unique, read(settled, name, whole=False)])

    return fetch


def _check_keys(view: FeatureView, nulls: pl.DataFrame) -> None:
    """Refuse rows without a key, given the number of nulls in each of its columns."""
    for column, missing in zip(view.table.key, nulls.row(0), strict=True):
        if missing:
            raise FeatureError(
                f"view '{view.name}': {missing} rows of table '{view.table.name}' have no key",
                value=column,
                expected="a key in each row, for it is what a correction corrects",
                fix="drop or number those rows in the table's build function",
            )


def _in_order(parts: list[list[pl.Series]], orders: list[Int64]) -> list[pl.Series]:
    order = np.concatenate(orders)
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    wanted = pl.Series(places)
    return [pl.concat(list(series)).gather(wanted) for series in zip(*parts, strict=True)]
