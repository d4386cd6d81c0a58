"""A join in partitions: rows are read once, set aside by entity, and each partition joined alone.

Where a correction may move a row to another entity, rows are set aside by key first, each key
settled, and what stands set aside by entity. What partitions are is decided here, and what is done
to one of them in ``partition.py``, by whatever executor is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from lapwise.core.errors import FeatureError
from lapwise.core.protocols import Executor, Task
from lapwise.features.model import FeatureView, view_definition
from lapwise.features.offline.partition import (
    ROW,
    JoinTask,
    SettleTask,
    join,
    outcome,
    settle,
    share_of,
)
from lapwise.features.offline.spill import Pieces, Spill
from lapwise.features.rows import Rows, batches, check_keys, read

__all__ = ["Shuffle", "Size", "partitions_of", "size_of", "work_of"]

_ROW_WORK = 160
"""Bytes of work on a row beside its columns: codes, order, ranges, one column in quanta."""

_EXAMPLE_WORK = 120
"""Bytes of work on an example beside its features."""

_MOST = 4096


@dataclass(frozen=True, slots=True)
class Size:
    """How much a join takes: rows of the table, examples, and bytes for both and the work on them."""

    rows: int
    examples: int
    bytes: int


def size_of(view: FeatureView, scan: pl.LazyFrame, examples: int) -> Size:
    """Estimate what a join takes, from the number of rows and the size of the first thousand."""
    table = view.table.name
    rows: int = read(scan.select(pl.len()), table, whole=False, view=view.name).item()
    sample = read(scan.head(1000), table, whole=False, view=view.name)
    each = sample.estimated_size() / max(sample.height, 1) + _ROW_WORK
    each_example = _EXAMPLE_WORK + 24 * (len(view.features) + len(view.by))
    return Size(rows, examples, math.ceil(rows * each + examples * each_example))


def partitions_of(size: Size, memory: int, workers: int) -> int:
    """Return into how many partitions a join goes, so that each worker's fits its share of memory.

    Raises:
        FeatureError: there is no memory.
    """
    if memory < 1:
        raise FeatureError(
            "a join may take no memory",
            value=memory,
            expected="bytes for rows and the work on them, such as memory=4 << 30",
        )
    return min(max(math.ceil(size.bytes * workers / memory), 1), _MOST)


def work_of(view: FeatureView, size: Size) -> int:
    """Return how far the progress of a join in partitions goes, in rows."""
    return size.rows * (3 if _may_move(view) else 2)


def _may_move(view: FeatureView) -> bool:
    """Return whether a correction may move a row to another entity: the key does not name it."""
    return not set(view.by) <= set(view.table.keys)


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Where and how the joins of one call are done in partitions.

    Attributes:
        folder: for temporary files; whoever made it clears it.
        memory: bytes for all workers together.
        executor: who works on the partitions.
        known: whether to add ``<view>__known``.
    """

    folder: Path
    memory: int
    executor: Executor
    known: bool

    @property
    def room(self) -> int:
        """Bytes of rows that whoever writes gathers first."""
        return min(max(self.memory // self.executor.workers // 16, 1 << 16), 1 << 28)

    def join(
        self,
        view: FeatureView,
        rows: Rows,
        visible: pl.LazyFrame,
        examples: Iterable[pl.DataFrame],
        size: Size,
        *,
        step: int,
        line: Task,
    ) -> list[tuple[Pieces, ...]]:
        """Compute a view, and return where its columns lie: a list for each run of examples.

        Args:
            view: what to compute.
            rows: the table, as checked.
            visible: those of its rows that some example may see.
            examples: the entity's columns, time and number of all examples, in batches.
            size: what the join takes; at least one example.
            step: how many examples a run has.
            line: shows how far it has come; see :func:`work_of`.

        Raises:
            FeatureError: a row has no key, a number does not fit, or a worker died.
            DataError: the table cannot be read.
            StorageFullError: there is no room for temporary files.
        """
        shares = partitions_of(size, self.memory, self.executor.workers)
        asked = self._set_aside_examples(view, rows, examples, shares)
        settled = _may_move(view)
        first = rows.key if settled else rows.by
        aside = self._set_aside_rows(view, rows, visible, first, shares, line)
        parted: list[tuple[Pieces, ...]] = [(pieces,) for pieces in aside]
        if settled:
            parted = self._settle(view, aside, shares, size, line)
            Path(aside[0].path).unlink()
        return self._join(view, parted, asked, size, settled=settled, step=step, line=line)

    def _path(self, view: FeatureView, what: str) -> Path:
        return self.folder / f"{view.name}.{what}"

    def _set_aside_examples(
        self, view: FeatureView, rows: Rows, examples: Iterable[pl.DataFrame], shares: int
    ) -> tuple[Pieces, ...]:
        share = share_of(rows.by, shares, spread=ROW)
        each = iter(examples)
        first = next(each)
        path = self._path(view, "examples")
        with Spill(path, first.schema, shares, self.room) as spill:
            spill.add(first.with_columns(share))
            del first
            for batch in each:
                spill.add(batch.with_columns(share))
        return spill.pieces()

    def _set_aside_rows(
        self,
        view: FeatureView,
        rows: Rows,
        visible: pl.LazyFrame,
        by: list[str],
        shares: int,
        line: Task,
    ) -> tuple[Pieces, ...]:
        share = share_of(by, shares)
        missing = [0] * len(rows.key)
        with Spill(self._path(view, "rows"), visible.collect_schema(), shares, self.room) as spill:
            for batch in batches(visible, view.table.name, view=view.name):
                nulls = batch.select(pl.col(rows.key).null_count()).row(0)
                missing = [n + more for n, more in zip(missing, nulls, strict=True)]
                spill.add(batch.with_columns(share))
                line.advance(batch.height)
        check_keys(view, missing)
        return spill.pieces()

    def _settle(
        self,
        view: FeatureView,
        aside: tuple[Pieces, ...],
        shares: int,
        size: Size,
        line: Task,
    ) -> list[tuple[Pieces, ...]]:
        tasks = [
            SettleTask(
                view=view_definition(view),
                rows=(pieces,),
                path=str(self._path(view, f"settled-{number}")),
                shares=shares,
                room=self.room,
            )
            for number, pieces in enumerate(aside)
        ]
        found = list(self._map(view, settle, tasks, size.rows, line))
        return list(zip(*found, strict=True))

    def _join(
        self,
        view: FeatureView,
        parted: list[tuple[Pieces, ...]],
        asked: tuple[Pieces, ...],
        size: Size,
        *,
        settled: bool,
        step: int,
        line: Task,
    ) -> list[tuple[Pieces, ...]]:
        tasks = [
            JoinTask(
                view=view_definition(view),
                rows=rows,
                settled=settled,
                examples=(examples,),
                known=self.known,
                path=str(self._path(view, f"features-{number}")),
                shares=math.ceil(size.examples / step),
                step=step,
                room=self.room,
            )
            for number, (rows, examples) in enumerate(zip(parted, asked, strict=True))
            if examples.rows
        ]
        found = list(self._map(view, join, tasks, size.rows, line))
        for path in {piece.path for piece in (*asked, *(p for rows in parted for p in rows))}:
            Path(path).unlink()
        return list(zip(*found, strict=True))

    def _map(
        self,
        view: FeatureView,
        function: Callable[[bytes], bytes],
        tasks: list[SettleTask] | list[JoinTask],
        total: int,
        line: Task,
    ) -> Iterator[tuple[Pieces, ...]]:
        encoded = [msgspec.msgpack.encode(task) for task in tasks]
        try:
            for answer in self.executor.map(function, encoded):
                yield outcome(answer)
                line.advance(total / len(tasks))
        except ChildProcessError as error:
            raise FeatureError(
                f"view '{view.name}': a process that worked on a partition died",
                value=str(error),
                expected="memory for each of "
                f"{self.executor.workers} workers: {self.memory // self.executor.workers} bytes and "
                "what its libraries take",
                fix="a smaller memory=, or fewer workers",
            ) from error
