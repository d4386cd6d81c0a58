"""Builds one view of the online store from its whole table, sorted once."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, groupby, islice, pairwise
from operator import attrgetter

import numpy as np
import polars as pl
from msgspec import Raw

from lapwise.features.corrections import FOREVER, with_until
from lapwise.features.grain import last_sight
from lapwise.features.model import FeatureView
from lapwise.features.online.backend import Writer
from lapwise.features.online.batch import Batch, Shape, ViewRows
from lapwise.features.online.fields import UNTIL, Fields
from lapwise.features.online.layout import Space, ViewState, chain_of, encode_row, packed
from lapwise.features.online.lines import lines_of
from lapwise.features.online.page import Page, Parts, encode, parts
from lapwise.features.online.tile import FOLD_ROWS, fold
from lapwise.features.rows import Rows, check_keys, read

__all__ = ["rebuild"]

_TOGETHER = 10_000
"""Entities whose lines are made together."""


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
    placed = _Placed(view, live, made, encoded, state.floor)
    records = chain(placed.pages(fields, space), _keys(space, made, encoded))
    writer.load(space.prefix, sorted(records))
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
    if (made.items[:, UNTIL] == FOREVER).all():  # nothing was corrected
        for row, one in zip(made.kept, encoded, strict=True):
            yield space.keys + packed(row.key), chain_of([one])
        return
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
        self.items = made.items[order]
        numbers = order.tolist()
        self.rows = [made.kept[number] for number in numbers]
        self.sides = [made.sides[number] for number in numbers]
        self.encoded = [encoded[number] for number in numbers]
        self.floor = floor

    def pages(self, fields: Fields, space: Space) -> Iterator[tuple[bytes, bytes]]:
        """Return what is kept of each entity's page, and of its tiles."""
        entities = pairwise(self.bounds)
        while some := list(islice(entities, _TOGETHER)):
            few: list[tuple[int, int]] = []
            many: list[tuple[int, int]] = []
            for start, stop in some:
                foldable = self.corrected or stop - start >= FOLD_ROWS
                (many if foldable else few).append((start, stop))
            made = chain(self._few(few, fields, space), self._many(many, fields, space))
            for (page, beside), (record, history) in made:
                yield page, record
                if history is not None:
                    yield beside, history

    def _few(
        self, entities: list[tuple[int, int]], fields: Fields, space: Space
    ) -> Iterator[tuple[tuple[bytes, bytes], Parts]]:
        """Return what is kept of entities that have too few rows for a tile."""
        if not entities:
            return
        starts, stops = np.array(entities).T
        counts = stops - starts
        ends = np.cumsum(counts)
        rows = np.arange(ends[-1]) + np.repeat(stops - ends, counts)
        items = self.items[rows]
        sides = [self.sides[row] for row in rows.tolist()] if fields.slots else []
        lines, content = lines_of(items, counts, sides, fields), items.tobytes()
        width, at = fields.bytes, 0
        for (start, stop), one in zip(entities, lines, strict=True):
            end = at + (stop - start) * width
            own, encoded = self.sides[start:stop], chain_of(self.encoded[start:stop])
            kept = parts(one, content[at:end], own, encoded, fields)
            yield space.page(packed(self.rows[start].by)), kept
            at = end

    def _many(
        self, entities: list[tuple[int, int]], fields: Fields, space: Space
    ) -> Iterator[tuple[tuple[bytes, bytes], Parts]]:
        """Return what is kept of entities some of whose rows may be folded, or were corrected."""
        if not entities:
            return
        names = [packed(self.rows[start].by) for start, _ in entities]
        whole = [
            Page(
                fields.bytes,
                bytearray(self.items[start:stop].tobytes()),
                self.sides[start:stop],
                list(map(Raw, self.encoded[start:stop])),
            )
            for start, stop in entities
        ]
        pages: dict[tuple[bytes, bytes], Page] = {}
        for number, tile, rows in fold(whole, fields, self.floor):
            pages[space.tile(names[number], tile)] = rows
        for name, page in zip(names, whole, strict=True):
            if page.rows:
                pages[space.page(name)] = page
        yield from zip(pages, encode(list(pages.values()), fields), strict=True)
