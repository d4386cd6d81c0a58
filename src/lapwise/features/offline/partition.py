"""The work on one partition: a function of a view's definition and files, wherever it runs.

A task is a record, and so is its answer; they travel as MessagePack, and rows stay in files
(``spill.py``). Failures travel as records too, so that a worker's error is the one that this process would raise.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
import polars as pl

from lapwise.core import errors
from lapwise.core.errors import DataError, LapwiseError
from lapwise.core.model import Record
from lapwise.features.corrections import hash_of, with_until
from lapwise.features.definition import view_of
from lapwise.features.model import FeatureView, ViewDefinition
from lapwise.features.offline.axis import Axis
from lapwise.features.offline.spill import SHARE, Pieces, Spill, load
from lapwise.features.offline.window import aggregate
from lapwise.features.rows import Rows, value_name

__all__ = ["ROW", "TIME", "JoinTask", "SettleTask", "join", "outcome", "settle", "share_of"]

TIME = "__time"
"""The examples' time in microseconds."""

ROW = "__row"
"""The number of an example."""


class SettleTask(Record, frozen=True, kw_only=True):
    """Settle which rows of some keys stand, and part them by entity.

    Attributes:
        view: whose rows they are.
        rows: all rows of these keys.
        path: where what stands is written.
        shares: into how many partitions.
        room: bytes that are gathered before they are written.
    """

    view: ViewDefinition
    rows: tuple[Pieces, ...]
    path: str
    shares: int
    room: int


class JoinTask(Record, frozen=True, kw_only=True):
    """Compute a view for the examples of one partition.

    Attributes:
        view: what to compute.
        rows: all rows of these entities.
        settled: whether it is settled which of them stand.
        examples: the entity's columns, :data:`TIME` and :data:`ROW`.
        known: whether to add ``<view>__known``.
        path: where the features are written, with :data:`ROW`.
        shares: into how many runs of examples.
        step: how many examples a run has.
        room: bytes that are gathered before they are written.
    """

    view: ViewDefinition
    rows: tuple[Pieces, ...]
    settled: bool
    examples: tuple[Pieces, ...]
    known: bool
    path: str
    shares: int
    step: int
    room: int


class _Failure(Record, frozen=True, kw_only=True):
    kind: str
    thing: str
    value: str | int | float | bool | None
    expected: str
    fix: str


class _Answer(Record, frozen=True, kw_only=True):
    pieces: tuple[Pieces, ...] = ()
    failure: _Failure | None = None


_Task = TypeVar("_Task", SettleTask, JoinTask)


def settle(task: bytes) -> bytes:
    """Do a :class:`SettleTask`, and answer for :func:`outcome`."""
    return _answer(task, SettleTask, _settle)


def join(task: bytes) -> bytes:
    """Do a :class:`JoinTask`, and answer for :func:`outcome`."""
    return _answer(task, JoinTask, _join)


def outcome(answer: bytes) -> tuple[Pieces, ...]:
    """Return the pieces that a task has written, one for each partition or run.

    Raises:
        LapwiseError: it failed; the error is the one that was raised where it ran.
    """
    found = msgspec.msgpack.decode(answer, type=_Answer)
    failure = found.failure
    if failure is None:
        return found.pieces
    kind = getattr(errors, failure.kind)
    raise kind(failure.thing, value=failure.value, expected=failure.expected, fix=failure.fix)


def share_of(by: list[str], shares: int, *, spread: str = "") -> pl.Expr:
    """Return the partition of a row or an example: by hash of the entity or the key.

    Args:
        by: the columns to hash.
        shares: the number of partitions.
        spread: a column of whole numbers by which rows that lack a part are dealt out.
    """
    share = hash_of(by) % shares
    if spread:
        lacks = pl.any_horizontal(pl.col(name).is_null() for name in by)
        share = pl.when(lacks).then(pl.col(spread).cast(pl.UInt64) % shares).otherwise(share)
    return share.cast(pl.UInt32).alias(SHARE)


def _answer(
    task: bytes, kind: type[_Task], work: Callable[[FeatureView, _Task], tuple[Pieces, ...]]
) -> bytes:
    asked = msgspec.msgpack.decode(task, type=kind)
    try:
        answer = _Answer(pieces=work(view_of(asked.view), asked))
    except LapwiseError as error:
        answer = _Answer(failure=_failure(error))
    except (OSError, pl.exceptions.PolarsError) as error:
        lost = DataError(
            f"view '{asked.view.name}': the rows that were set aside cannot be read again",
            value=str(error).partition("\n")[0],
            expected="a folder for temporary files that nobody else cleans",
            fix="set TMPDIR to such a folder",
        )
        answer = _Answer(failure=_failure(lost))
    return msgspec.msgpack.encode(answer)


def _failure(error: LapwiseError) -> _Failure:
    value = error.value
    return _Failure(
        kind=type(error).__name__,
        thing=error.thing,
        value=value if isinstance(value, str | int | float | None) else repr(value),
        expected=error.expected,
        fix=error.fix,
    )


def _rows_of(view: FeatureView, live: pl.DataFrame) -> Rows:
    """Say of rows that were set aside what :func:`~lapwise.features.rows.rows_of` said of them."""
    return Rows(
        scan=live.lazy(),
        key=[f"key:{column}" for column in view.table.key],
        by=[f"by:{column}" for column in view.by],
        types={column: live.schema[value_name(column)] for column in view.columns},
    )


def _settle(view: FeatureView, task: SettleTask) -> tuple[Pieces, ...]:
    found = load(task.rows)
    rows = _rows_of(view, found)
    live = with_until(found, rows.key, rows.ties)
    del found
    # A row without an entity, or a retraction, has corrected what it had to; nobody sees it.
    live = live.drop_nulls(["__event", *rows.by])
    with Spill(Path(task.path), live.schema, task.shares, task.room) as spill:
        for part in live.iter_slices(_slice(live, task.room)):
            spill.add(part.with_columns(share_of(rows.by, task.shares)))
    return spill.pieces()


def _join(view: FeatureView, task: JoinTask) -> tuple[Pieces, ...]:
    examples = load(task.examples)
    live = load(task.rows)
    rows = _rows_of(view, live)
    if not task.settled:
        live = with_until(live, rows.key, rows.ties)
    times, numbers = examples[TIME].to_numpy(), examples[ROW]
    axis = Axis.of(examples.select(rows.by), times)
    del examples
    features = aggregate(view, rows, live, axis, known=task.known)
    del live
    found = pl.DataFrame([*features, numbers])
    with Spill(Path(task.path), found.schema, task.shares, task.room) as spill:
        run = (pl.col(ROW) // task.step).cast(pl.UInt32).alias(SHARE)
        for part in found.iter_slices(_slice(found, task.room)):
            spill.add(part.with_columns(run))
    return spill.pieces()


def _slice(frame: pl.DataFrame, room: int) -> int:
    """Return how many rows of a frame take about ``room`` bytes."""
    return max(int(frame.height * room / max(frame.estimated_size(), 1)), 1)
