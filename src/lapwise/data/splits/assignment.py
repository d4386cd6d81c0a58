"""Freeze which example is in which part, and read it again."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import cast

import msgspec
import polars as pl

from lapwise.core.clock import format_time
from lapwise.core.digest import digest_value
from lapwise.core.errors import DataError
from lapwise.core.model import Split, SplitPart
from lapwise.store.model import Store

__all__ = ["assignment", "freeze", "load_split"]

_PARTS = ("train", "validation", "test")


def assignment(split: Split, store: Store) -> pl.DataFrame:
    """Return the rows that are in a part, sorted by row: columns ``row`` and ``part``.

    Raises:
        NotFoundError, CorruptError: the blob is gone, or differs from its digest.
    """
    return pl.read_parquet(store.blobs.path(split.assignment), glob=False)


def load_split(digest: str, store: Store) -> Split:
    """Return a frozen split by its digest; raises NotFoundError."""
    return cast("Split", store.records.get("split", digest, Split))


def freeze(
    parted: pl.DataFrame,
    store: Store,
    *,
    kind: str,
    bounds: Sequence[tuple[int | None, int | None]] = ((None, None),) * 3,
    by: tuple[str, ...] = (),
    salt: str = "",
    embargo: int = 0,
    previous: Split | None = None,
) -> Split:
    """Keep an assignment and return its record.

    Args:
        parted: every example: ``row``, ``time``, ``labelled``, and ``part`` (null: in none).
        store: where the assignment becomes a blob, and the split a record of kind ``split``.
        kind: ``time``, ``group`` or ``key``.
        bounds: for time splits, start and end of train, validation and test.
        by: the columns whose hash decided.
        salt: what was hashed with them.
        embargo: microseconds between parts.
        previous: the split of the lap before, from which no row may move backward.

    Raises:
        DataError: a part is empty, or a row that was trained or chosen on would be tested on.
    """
    inside = parted.filter(pl.col("part").is_not_null() & pl.col("labelled"))
    counts = dict(inside.group_by("part").len().iter_rows())
    unlabelled = int((~parted["labelled"]).sum())
    empty = [name for name in _PARTS if not counts.get(name)]
    if empty:
        raise DataError(
            f"no labelled example falls into {' or '.join(empty)}",
            value=_extent(parted, unlabelled),
            expected=_expected(bounds),
            fix="choose a later --as-of, smaller parts, or bring more data",
        )
    rows = inside.select("row", "part").sort("row")
    if previous is not None:
        _check_forward(inside, previous, store)
    buffer = io.BytesIO()
    rows.rechunk().write_parquet(buffer, compression="zstd")
    blob = store.blobs.put(buffer.getvalue())
    split = Split(
        digest="",
        kind=kind,
        parts=tuple(
            SplitPart(name=name, rows=counts[name], start=start, end=end)
            for name, (start, end) in zip(_PARTS, bounds, strict=True)
        ),
        by=by,
        salt=salt,
        embargo=embargo,
        left_out=parted.height - unlabelled - inside.height,
        unlabelled=unlabelled,
        assignment=blob,
    )
    digest = digest_value(split)
    split = msgspec.structs.replace(split, digest=digest)
    store.records.add("split", digest, split)
    return split


def _check_forward(rows: pl.DataFrame, previous: Split, store: Store) -> None:
    """Refuse test rows that an earlier lap trained or chose on.

    From test to validation to train is forward: examples age. A row that an earlier model trained
    on, or that a threshold was chosen on, tells nothing new about it. Where the lap before had a
    longest training part, what is older than it has trained laps before that one.
    """
    text = pl.col("row").cast(pl.String)
    tested = rows.filter(pl.col("part") == "test").with_columns(text)
    before = assignment(previous, store).with_columns(text)
    moved = tested.join(before.filter(pl.col("part") != "test"), on="row", how="inner")
    begin = next(part.start for part in previous.parts if part.name == "train")
    if begin is not None:
        older = tested.filter(pl.col("time").to_physical() < begin)
        moved = pl.concat([moved, older.with_columns(part_right=pl.lit("train"))])
    if moved.is_empty():
        return
    moved = moved.sort("row")
    counts = dict(moved.group_by("part_right").len().sort("part_right").iter_rows())
    parts = {part.name: part for part in previous.parts}
    start, end = parts["test"].start, parts["test"].end
    was = (
        f", whose test part was {format_time(start)} to {format_time(end)}" if start and end else ""
    )
    raise DataError(
        f"{moved.height:,} rows move backward: the lap before had them in"
        f" {' and '.join(f'{name} ({count:,})' for name, count in counts.items())}"
        f"{was}, and now they would be tested on",
        value=moved["row"].head(3).to_list(),
        expected="rows to move only from test towards train as time goes on",
        fix="choose an --as-of after the lap before, keep the sizes of the parts, or give the loop a"
        " new name",
    )


def _extent(parted: pl.DataFrame, unlabelled: int) -> str:
    if parted.is_empty():
        return "no examples"
    first, last = parted.select(
        first=pl.col("time").min().to_physical(), last=pl.col("time").max().to_physical()
    ).row(0)
    return (
        f"{parted.height:,} examples from {format_time(first)} to {format_time(last)},"
        f" {unlabelled:,} without a label yet"
    )


def _expected(bounds: Sequence[tuple[int | None, int | None]]) -> str:
    shown = [
        f"{name} {format_time(start) if start is not None else 'the beginning'} to {format_time(end)}"
        for name, (start, end) in zip(_PARTS, bounds, strict=True)
        if end is not None
    ]
    return "; ".join(shown) or "examples in each part"
