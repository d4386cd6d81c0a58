"""The point-in-time join: each example gets what was known before it, and nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from lapwise.core.errors import FeatureError
from lapwise.core.protocols import Executor, InThisProcess, Progress, SilentProgress, Task
from lapwise.features.corrections import with_until
from lapwise.features.model import FeatureView
from lapwise.features.offline.axis import Axis
from lapwise.features.offline.later import in_parts
from lapwise.features.offline.partition import ROW, TIME
from lapwise.features.offline.shuffle import Shuffle, Size, partitions_of, size_of, work_of
from lapwise.features.offline.spill import load
from lapwise.features.offline.window import aggregate
from lapwise.features.rows import (
    Rows,
    check_keys,
    entity_columns,
    microseconds,
    read,
    rows_of,
)

__all__ = ["MEMORY", "check_names", "check_times", "point_in_time", "times_of"]

MEMORY = 4 << 30
"""Bytes that the rows of one partition, and the work on them, may take."""

_BATCH = 1 << 20
"""Examples that are set aside at a time."""


def point_in_time(
    examples: pl.DataFrame | pl.LazyFrame,
    views: Sequence[FeatureView],
    *,
    time: str,
    tables: Mapping[str, pl.LazyFrame],
    memory: int = MEMORY,
    known: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> pl.DataFrame:
    """Add the features of views to examples, as of each example's time.

    A feature of an example at t sees a row if and only if ``known < t``, its event lies in the
    window, and no correction of the row (same key, known later) has ``known < t``. Entities that
    are null match nothing. See ``docs/features.md``.

    Args:
        examples: the rows to describe; rows and their order stay. A lazy frame is collected:
            for one that memory cannot hold there is
            :func:`~lapwise.features.offline.sink.sink_point_in_time`.
        views: what to compute, added in this order.
        time: the examples' column of prediction times (Datetime or Date, no nulls).
        tables: for each table's name all its rows, corrections included.
        memory: bytes for rows and the work on them; a view that needs more is computed in
            partitions of its entities, with rows set aside in temporary files. The result does
            not depend on it.
        known: add for each view ``<view>__known``, the latest known time (Int64, microseconds) of
            a row that the view's widest window shows, null if it shows none.
        executor: who works on partitions, several at a time; each has its share of ``memory``.
            Default: this process. The result does not depend on it.
        progress: where to show how far it has come.

    Raises:
        FeatureError: a column is missing or of a wrong type, names clash, a time is null, a number
            does not fit its fixed point, or a worker died.
        DataError: a table cannot be read.
        StorageFullError: there is no room for temporary files.
    """
    frame = examples.collect() if isinstance(examples, pl.LazyFrame) else examples
    check_names(frame.columns, views, known=known)
    times = times_of(frame, time)
    check_times(time, times.null_count(), frame.height)
    workers = executor or InThisProcess()
    shown = progress or SilentProgress()
    added: list[pl.Series] = []
    for view in views:
        rows = rows_of(view, tables, frame.schema)
        entities = entity_columns(frame, view)
        if frame.is_empty():
            asked = entities.clear(1).with_columns(pl.Series(TIME, [0]))
            added.extend(
                s.clear() for s in _whole(view, rows, rows.scan.clear(), asked, known=known)
            )
            continue
        asked = entities.with_columns(times)
        size = size_of(view, rows.scan, frame.height)
        parted = partitions_of(size, memory, workers.workers) > 1
        line = shown.task(
            f"features of view '{view.name}'", work_of(view, size) if parted else None
        )
        if parted:
            with tempfile.TemporaryDirectory(prefix="lapwise-") as folder:
                shuffle = Shuffle(Path(folder), memory, workers, known)
                added.extend(_parted(view, rows, asked, shuffle, size, line))
        else:
            visible = _known_before(rows.scan, int(times.to_numpy().max()), view)
            added.extend(_whole(view, rows, visible, asked, known=known))
        line.done()
    return frame.hstack(added)


def check_names(columns: Sequence[str], views: Sequence[FeatureView], *, known: bool) -> None:
    """Refuse features whose names are taken by a column of the examples or another feature.

    Raises:
        FeatureError: a name is taken.
    """
    taken = dict.fromkeys(columns, "a column of the examples")
    for view in views:
        for name in (*view.names, *([f"{view.name}__known"] if known else [])):
            if name in taken:
                raise FeatureError(
                    f"view '{view.name}': the name of a feature is taken by {taken[name]}",
                    value=name,
                    expected="a name of its own for each feature",
                )
            taken[name] = f"view '{view.name}'"


def times_of(frame: pl.DataFrame, time: str) -> pl.Series:
    """Return the examples' times in microseconds.

    Raises:
        FeatureError: there is no such column, or it does not hold times.
    """
    if time not in frame.columns:
        raise FeatureError(
            "the examples have no time column",
            value=time,
            expected=f"one of {', '.join(frame.columns)[:160]}",
        )
    return frame.select(microseconds(time, frame.schema, "the examples").alias(TIME))[TIME]


def check_times(time: str, nulls: int, rows: int) -> None:
    """Refuse examples without a time, given how many of them there are.

    Raises:
        FeatureError: there is one.
    """
    if nulls:
        raise FeatureError(
            f"the examples' time '{time}' is null in {nulls} of {rows} rows",
            expected="a time for each example: nothing can be known as of never",
            fix=f'examples.drop_nulls("{time}")',
        )


def _whole(
    view: FeatureView, rows: Rows, visible: pl.LazyFrame, asked: pl.DataFrame, *, known: bool
) -> list[pl.Series]:
    """Compute a view with all its rows in memory, and return its columns in the examples' order."""
    axis = Axis.of(asked.select(rows.by), asked[TIME].to_numpy())
    live, later = in_parts(view, rows, visible)
    if live is None:
        live = _live(view, rows, visible)
    held = [live]
    del live  # so that its columns can go
    return aggregate(view, rows, held.pop(), axis, known=known, later=later)


def _live(view: FeatureView, rows: Rows, visible: pl.LazyFrame) -> pl.DataFrame:
    """Return all rows that stand at some time; nobody else may hold them, so that columns can go."""
    live = read(visible, view.table.name, whole=True, view=view.name)
    check_keys(view, live.select(pl.col(rows.key).null_count()).row(0))
    return with_until(live, rows.key, rows.ties)


def _parted(
    view: FeatureView, rows: Rows, asked: pl.DataFrame, shuffle: Shuffle, size: Size, line: Task
) -> list[pl.Series]:
    """Compute a view in partitions, and return its columns in the examples' order."""
    visible = rows.scan.filter(pl.col("__known") < asked[TIME].max())
    batches = asked.with_row_index(ROW).iter_slices(_BATCH)
    (pieces,) = shuffle.join(view, rows, visible, batches, size, step=asked.height, line=line)
    found = load(pieces)
    numbers = found.drop_in_place(ROW).to_numpy()
    places = np.empty(len(numbers), np.int64)
    places[numbers] = np.arange(len(numbers))
    wanted = pl.Series(places)
    return [column.gather(wanted) for column in found.get_columns()]


def _known_before(scan: pl.LazyFrame, time: int, view: FeatureView) -> pl.LazyFrame:
    """Leave out rows known at ``time`` or later; without a filter, which copies, if there are none."""
    known = pl.col("__known")
    bounds = scan.select(known.max().alias("latest"), known.null_count().alias("never"))
    latest, never = read(bounds, view.table.name, whole=False, view=view.name).row(0)
    return scan if not never and latest is not None and latest < time else scan.filter(known < time)
