"""The point-in-time join of more examples than memory holds, from files into a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from uuid import uuid4

import polars as pl

from lapwise.core.errors import DataError
from lapwise.core.protocols import Executor, InThisProcess, Progress, SilentProgress, Task
from lapwise.features.model import FeatureView
from lapwise.features.offline.join import MEMORY, check_names, check_times, point_in_time, times_of
from lapwise.features.offline.partition import ROW
from lapwise.features.offline.shuffle import Shuffle, size_of, work_of
from lapwise.features.offline.spill import SHARE, Pieces, Spill, blocks_of, load, no_room
from lapwise.features.rows import entity_columns, rows_of

__all__ = ["sink_point_in_time"]


def sink_point_in_time(
    examples: pl.DataFrame | pl.LazyFrame,
    views: Sequence[FeatureView],
    path: str | Path,
    *,
    time: str,
    tables: Mapping[str, pl.LazyFrame],
    memory: int = MEMORY,
    known: bool = False,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> int:
    """Write examples with their features to a Parquet file, and return how many there are.

    The file holds what :func:`~lapwise.features.offline.join.point_in_time` returns, in the order of the
    examples. Neither tables nor examples need fit into memory; a lazy frame is read once, and may
    be one that gives its rows in another order each time. The file appears when it is whole.

    Args:
        examples: the rows to describe.
        views: what to compute, added in this order.
        path: the file; one that is there is replaced.
        time: as in ``point_in_time``.
        tables: as in ``point_in_time``.
        memory: bytes for rows, examples and the work on them.
        known: as in ``point_in_time``.
        executor: as in ``point_in_time``.
        progress: where to show how far it has come.

    Raises:
        FeatureError: as ``point_in_time``.
        DataError: a table or the examples cannot be read.
        StorageFullError: there is no room for temporary files, or for the result.
    """
    target = Path(path)
    workers = executor or InThisProcess()
    shown = progress or SilentProgress()
    lazy = examples.lazy()
    schema = _schema(lazy)
    check_names(schema.names(), views, known=known)
    checked = [(view, rows_of(view, tables, schema)) for view in views]
    with tempfile.TemporaryDirectory(prefix="lapwise-") as folder:
        shuffle = Shuffle(Path(folder), memory, workers, known)
        kept = _Examples(Path(folder) / "examples", lazy, schema, time, shuffle.room)
        if not kept.rows:
            empty = pl.DataFrame(schema=schema)
            whole = point_in_time(empty, views, time=time, tables=tables, known=known)
            _write([whole], target)
            return 0
        found: list[list[tuple[Pieces, ...]]] = []
        step = kept.step(views, memory)
        for view, rows in checked:
            size = size_of(view, rows.scan, kept.rows)
            line = shown.task(f"features of view '{view.name}'", work_of(view, size))
            visible = rows.scan.filter(pl.col("__known") < kept.latest)
            asked = kept.asked(view)
            found.append(shuffle.join(view, rows, visible, asked, size, step=step, line=line))
            line.done()
        line = shown.task("features written", kept.rows)
        _write(_wide(kept.runs(step), found, line), target)
        line.done()
    return kept.rows


def _wide(
    runs: Iterator[pl.DataFrame], found: Sequence[Sequence[tuple[Pieces, ...]]], line: Task
) -> Iterator[pl.DataFrame]:
    """Yield runs of examples with their features, each read when it is asked for."""
    for number, frame in enumerate(runs):
        features = [load(pieces[number]).sort(ROW).drop(ROW) for pieces in found]
        yield pl.concat([frame, *features], how="horizontal")
        line.advance(frame.height)


def _write(runs: Iterable[pl.DataFrame], target: Path) -> None:
    """Write runs to a Parquet file under another name, and let it appear when it is whole.

    A run is on disk before the next one is read: Polars' own streaming sink reads on while it
    compresses, and holds what it read.
    """
    from pyarrow.parquet import ParquetWriter

    partial = target.with_name(f".{target.name}.{uuid4().hex}.partial")
    try:
        each = (run.to_arrow() for run in runs)
        first = next(each)
        with ParquetWriter(partial, first.schema, compression="zstd") as writer:
            for table in chain([first], each):
                writer.write_table(table, row_group_size=1 << 18)
        partial.replace(target)
    except OSError as error:
        raise no_room(error, target) from error
    finally:
        partial.unlink(missing_ok=True)


def _schema(lazy: pl.LazyFrame) -> pl.Schema:
    try:
        return lazy.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> DataError:
    return DataError("the examples cannot be read", value=str(error).partition("\n")[0])


class _Examples:
    """Examples on disk in their order, whatever gave them: read once, and checked.

    Attributes:
        rows: how many there are.
        latest: the latest time, in microseconds.
    """

    def __init__(
        self, path: Path, lazy: pl.LazyFrame, schema: pl.Schema, time: str, room: int
    ) -> None:
        self.rows, self.latest, self._time = 0, 0, time
        self._bytes, nulls = 0, 0
        with Spill(path, schema, 1, room) as spill:
            for batch in self._batches(lazy):
                times = times_of(batch, time)
                nulls += times.null_count()
                self.rows += batch.height
                self._bytes += int(batch.estimated_size())
                latest = times.max()
                if isinstance(latest, int):
                    self.latest = max(self.latest, latest)
                spill.add(batch.with_columns(pl.lit(0, pl.UInt32).alias(SHARE)))
        check_times(time, nulls, self.rows)
        (self._pieces,) = spill.pieces()

    @staticmethod
    def _batches(lazy: pl.LazyFrame) -> Iterator[pl.DataFrame]:
        try:
            yield from lazy.collect_batches(maintain_order=True, engine="streaming")
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _unreadable(error) from error

    def step(self, views: Sequence[FeatureView], memory: int) -> int:
        """Return how many examples, with all their features, take an eighth of ``memory``."""
        features = sum(len(view.features) + 2 for view in views)
        each = self._bytes / self.rows + 16 * features
        return max(int(memory / 8 / each), 1 << 10)

    def asked(self, view: FeatureView) -> Iterator[pl.DataFrame]:
        """Yield the entity's columns of a view, the time and the number of all examples."""
        first = 0
        for block in blocks_of(self._pieces):
            entities = entity_columns(block, view).with_columns(times_of(block, self._time))
            yield entities.with_row_index(ROW, first)
            first += block.height

    def runs(self, step: int) -> Iterator[pl.DataFrame]:
        """Yield the examples in their order, ``step`` at a time."""
        held: list[pl.DataFrame] = []
        rows = 0
        for block in blocks_of(self._pieces):
            rest = block
            while rows + rest.height >= step:
                yield pl.concat([*held, rest.head(step - rows)])
                rest = rest.slice(step - rows)
                held, rows = [], 0
            held.append(rest)
            rows += rest.height
        if rows:
            yield pl.concat(held)
