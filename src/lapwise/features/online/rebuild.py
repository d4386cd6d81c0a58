"""Builds one view of the online store from its whole table, sorted once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, groupby, pairwise
from operator import attrgetter

import numpy as np
import polars as pl

from lapwise.features.corrections import FOREVER, with_until
from lapwise.features.grain import last_sight
from lapwise.features.model import FeatureView
from lapwise.features.online.backend import Writer
from lapwise.features.online.batch import Batch, Shape, ViewRows
from lapwise.features.online.fields import UNTIL, Fields
from lapwise.features.online.layout import Space, ViewState, chain_of, encode_row, packed
from lapwise.features.online.page import Page, Place, join
from lapwise.features.online.tile import FOLD_ROWS, fold
from lapwise.features.rows import Rows, check_keys, read

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
    encoded = list(map(encode_row, made.kept))
    details: list[tuple[bytes, bytes]] = []
    placed = _Placed(view, live, made, encoded, state.floor)
    pages = sorted(placed.pages(fields, space, details))
    writer.load(space.prefix, chain(sorted(details), pages, sorted(_keys(space, made, encoded))))
    return live.height


def _live(view: FeatureView, rows: Rows, state: ViewState) -> pl.DataFrame:
    """Return the rows that stand at some time, those of a key together by known, with ``__until``.

    Raises:
        FeatureError: a row has no key.
    """
    known = rows.scan.filter(pl.col("__known") < state.watermark)
    reach = state.floor - view.widest - view.grain
    recent = (pl.col("__event") > reach) | (pl.col("__known") >= state.floor)
    wanted = known.filter(recent).select(rows.key).unique()
    chains = known.join(wanted, on=rows.key, how="semi", nulls_equal=True)
    found = read(chains, view.table.name, whole=False)
    check_keys(view, found.select(pl.col(rows.key).null_count()).row(0))
    return with_until(found, rows.key, rows.ties)


def _keys(space: Space, made: ViewRows, encoded: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Return for each key its rows, which are beside each other."""
    start = 0
    for key, rows in groupby(made.kept, key=attrgetter("key")):
        stop = start + sum(1 for _ in rows)
        yield space.keys + packed(key), chain_of(encoded[start:stop])
        start = stop


class _Placed:
    """The rows that a window shows at or after the floor, in order of (entity, event, known, key)."""

    def __init__(
        self,
        view: FeatureView,
        live: pl.DataFrame,
        made: ViewRows,
        encoded: list[bytes],
        floor: int,
    ) -> None:
        by, key = [f"by:{name}" for name in view.by], [f"key:{name}" for name in view.table.key]
        placed = live.select(*by, *key, "__event", "__known", "__until").with_row_index("__row")
        placed = placed.drop_nulls(["__event", *by])
        last = last_sight(placed["__event"].to_numpy(), view.widest, view.grain)
        placed = placed.filter(pl.Series(last >= floor)).sort(*by, "__event", "__known", *key)
        first = pl.any_horizontal(pl.col(name) != pl.col(name).shift(1) for name in by)
        starts = placed.select(first.fill_null(value=True).arg_true()).to_series()
        self.bounds = [*starts.to_list(), placed.height]
        self.corrected = bool((placed["__until"] != FOREVER).any())
        order = placed["__row"].to_numpy()
        self.content = np.ascontiguousarray(made.items[order]).tobytes()
        numbers = order.tolist()
        self.rows = [made.kept[number] for number in numbers]
        self.sides = [made.sides[number] for number in numbers]
        self.encoded = [encoded[number] for number in numbers]
        self.floor = floor

    def pages(
        self, fields: Fields, space: Space, details: list[tuple[bytes, bytes]]
    ) -> Iterator[tuple[bytes, bytes]]:
        """Return each entity's page, and add those of its tiles to ``details``."""
        for start, stop in pairwise(self.bounds):
            name = packed(self.rows[start].by)
            yield space.pages + name, self._page(start, stop, fields, space, name, details)

    def _page(
        self,
        start: int,
        stop: int,
        fields: Fields,
        space: Space,
        name: bytes,
        details: list[tuple[bytes, bytes]],
    ) -> bytes:
        width = fields.bytes
        if stop - start < FOLD_ROWS and not self.corrected:
            items = self.content[start * width : stop * width]
            sides = self.sides[start:stop] if fields.slots else None
            return join(stop - start, items, sides, chain_of(self.encoded[start:stop]))
        rows = self.rows[start:stop]
        places: list[Place] = [(row.event or 0, row.known, row.key) for row in rows]
        each = [self.content[at * width : (at + 1) * width] for at in range(start, stop)]
        page = Page(places, each, self.sides[start:stop], list(rows))
        for tile, folded in fold(page, fields, self.floor):
            details.append((space.detail(name, tile), folded.encode(fields)))
        return page.encode(fields)
