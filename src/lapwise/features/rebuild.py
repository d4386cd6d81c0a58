"""Builds one view of the online store from its whole table, sorted once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from struct import Struct
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import polars as pl

from lapwise.features.batch import Batch, Shape
from lapwise.features.corrections import FOREVER
from lapwise.features.history import cut
from lapwise.features.layout import CHUNK_ROWS, Kept, Space, ViewState, packed, row_type
from lapwise.features.model import FeatureView
from lapwise.features.rows import Rows, read

if TYPE_CHECKING:
    import lmdb

__all__ = ["drop", "rebuild"]

_NUMBER = Struct("<q").pack
_encode = msgspec.msgpack.Encoder().encode


def rebuild(
    transaction: lmdb.Transaction, view: FeatureView, rows: Rows, shape: Shape, state: ViewState
) -> ViewState:
    """Write a view's rows known before the watermark under a number that nothing has yet.

    Rows of keys that no window can show at or after the floor are left out.

    Returns:
        The state, with the number of the next row.
    """
    live = _live(view, rows, state)
    space = Space(state.number)
    made = Batch(live).rows_of(view, shape)
    made.content["row"] = np.arange(live.height)
    made.content["until"] = live["__until"].to_numpy()
    whole = zip(made.key, made.known, made.event, made.by, made.values, strict=True)
    with transaction.cursor() as cursor:
        cursor.putmulti((space.row(row), _encode(Kept(*kept))) for row, kept in enumerate(whole))
        cursor.putmulti(sorted(_keys(space, made.key)))
        cursor.putmulti(sorted(_chunks(view, live, made.content, shape, space, state.floor)))
    return msgspec.structs.replace(state, next_row=live.height)


def _live(view: FeatureView, rows: Rows, state: ViewState) -> pl.DataFrame:
    """Return the rows that stand at some time, in order of (key, known), with ``__until``."""
    known = rows.scan.filter(pl.col("__known") < state.watermark)
    recent = (pl.col("__event") >= state.floor - view.widest) | (pl.col("__known") >= state.floor)
    wanted = known.filter(recent).select(rows.key).unique()
    chains = read(known.join(wanted, on=rows.key, how="semi"), view.table.name, whole=False)
    chains = chains.sort(*rows.key, "__known", "__event", *rows.ties)
    standing = chains.unique([*rows.key, "__known"], keep="last", maintain_order=True)
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(-1) for name in rows.key)
    until = pl.when(same).then(pl.col("__known").shift(-1)).otherwise(FOREVER)
    return standing.with_columns(__until=until.fill_null(FOREVER))


def _keys(space: Space, keys: list[list[Any]]) -> Iterator[tuple[bytes, bytes]]:
    """Return for each key the numbers of its rows; rows of one key are beside each other."""
    for key, numbers in groupby(range(len(keys)), key=keys.__getitem__):
        yield space.keys + packed(key), b"".join(map(_NUMBER, numbers))


def _chunks(
    view: FeatureView,
    live: pl.DataFrame,
    content: np.ndarray[Any, np.dtype[np.void]],
    shape: Shape,
    space: Space,
    floor: int,
) -> Iterator[tuple[bytes, bytes]]:
    by, key = [f"by:{name}" for name in view.by], [f"key:{name}" for name in view.table.key]
    placed = (
        live.select(*by, *key, "__event", "__known")
        .with_row_index("__row")
        .filter(pl.col("__event") >= floor - view.widest)
        .drop_nulls(by)
        .sort(*by, "__event", "__known", *key)
    )
    if placed.is_empty():
        return
    entities = Batch(placed)
    names = list(zip(*(entities.plain(name) for name in by), strict=True))
    numbers = placed["__row"].to_numpy()
    width = row_type(shape.columns).itemsize
    start = 0
    for entity, group in groupby(names):
        stop = start + sum(1 for _ in group)
        prefix = space.chunks + packed(entity)
        for bound, piece in cut(content[numbers[start:stop]].tobytes(), width, CHUNK_ROWS * width):
            yield prefix + bound, piece
        start = stop


def drop(transaction: lmdb.Transaction, space: Space) -> None:
    """Delete all that a version of a view holds, its state apart."""
    with transaction.cursor() as cursor:
        found = cursor.set_range(space.prefix)
        while found and bytes(cursor.key()).startswith(space.prefix):
            found = cursor.delete()
