"""Builds one view of the online store from its whole table, sorted once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np
import polars as pl

from lapwise.features.backend import Writer
from lapwise.features.batch import Batch, Shape, ViewRows
from lapwise.features.corrections import FOREVER
from lapwise.features.fields import UNTIL, Fields
from lapwise.features.layout import Space, ViewState, packed, write_chain
from lapwise.features.model import FeatureView
from lapwise.features.page import Page, Place
from lapwise.features.rows import Rows, read
from lapwise.features.tile import fold

__all__ = ["rebuild"]


def rebuild(
    writer: Writer, view: FeatureView, rows: Rows, shape: Shape, fields: Fields, state: ViewState
) -> int:
    """Write a view's rows known before the watermark under a number that nothing has yet.

    Rows of keys that no window can show at or after the floor are left out.

    Returns:
        The number of rows.
    """
    live = _live(view, rows, state)
    space = Space(state.number)
    made = Batch(live).rows_of(view, shape, fields)
    made.items[:, UNTIL] = live["__until"].to_numpy()
    details: list[tuple[bytes, bytes]] = []
    pages = sorted(_pages(view, live, made, fields, space, state.floor, details))
    writer.load(space.prefix, (*sorted(details), *pages, *sorted(_keys(space, made))))
    return live.height


def _live(view: FeatureView, rows: Rows, state: ViewState) -> pl.DataFrame:
    """Return the rows that stand at some time, in order of (key, known), with ``__until``."""
    known = rows.scan.filter(pl.col("__known") < state.watermark)
    reach = state.floor - view.widest - view.grain
    recent = (pl.col("__event") > reach) | (pl.col("__known") >= state.floor)
    wanted = known.filter(recent).select(rows.key).unique()
    chains = read(known.join(wanted, on=rows.key, how="semi"), view.table.name, whole=False)
    chains = chains.sort(*rows.key, "__known", "__event", *rows.ties)
    standing = chains.unique([*rows.key, "__known"], keep="last", maintain_order=True)
    same = pl.all_horizontal(pl.col(name) == pl.col(name).shift(-1) for name in rows.key)
    until = pl.when(same).then(pl.col("__known").shift(-1)).otherwise(FOREVER)
    return standing.with_columns(__until=until.fill_null(FOREVER))


def _keys(space: Space, made: ViewRows) -> Iterator[tuple[bytes, bytes]]:
    """Return for each key its rows, which are beside each other."""
    for key, chain in groupby(made.kept, key=lambda kept: kept.key):
        yield space.keys + packed(key), write_chain(list(chain))


def _pages(
    view: FeatureView,
    live: pl.DataFrame,
    made: ViewRows,
    fields: Fields,
    space: Space,
    floor: int,
    details: list[tuple[bytes, bytes]],
) -> Iterator[tuple[bytes, bytes]]:
    """Return each entity's page, and add those of its tiles to ``details``."""
    by, key = [f"by:{name}" for name in view.by], [f"key:{name}" for name in view.table.key]
    event = pl.col("__event")
    placed = (
        live.select(*by, *key, "__event", "__known")
        .with_row_index("__row")
        .filter(event - event % view.grain + view.grain - 1 + view.widest >= floor)
        .drop_nulls(by)
        .sort(*by, "__event", "__known", *key)
    )
    order = placed["__row"].to_numpy()
    content, width = np.ascontiguousarray(made.items[order]).tobytes(), fields.bytes
    rows = [made.kept[number] for number in order.tolist()]
    start = 0
    for entity, group in groupby(rows, key=lambda kept: kept.by):
        mine = list(group)
        stop = start + len(mine)
        places: list[Place] = [(row.event or 0, row.known, row.key) for row in mine]
        items = [content[at * width : (at + 1) * width] for at in range(start, stop)]
        sides = [made.sides[number] for number in order[start:stop]]
        page = Page(places, items, sides, list(mine))
        name = packed(entity)
        for tile, folded in fold(page, fields, floor):
            details.append((space.detail(name, tile), folded.encode(fields)))
        yield space.pages + name, page.encode(fields)
        start = stop
