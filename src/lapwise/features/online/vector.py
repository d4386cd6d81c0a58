"""A view's features for some entities at one time, from the lines that the online store holds.

A window that ends now is one line of an entity's page: the first that does not lie before the
window's beginning. Of a view without a grain a window may begin within a tile: its line is made of
the tile's own (``tail.py``). Lines of times before the page's last change are made anew
(``past.py``).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import polars as pl

from lapwise.core.model import Column
from lapwise.features.corrections import FOREVER
from lapwise.features.grain import start_of_one
from lapwise.features.model import FeatureView
from lapwise.features.online.fields import Fields, Line
from lapwise.features.online.finish import finisher
from lapwise.features.online.layout import ColumnLayout
from lapwise.features.online.lines import HEAD, open_lines, read_texts
from lapwise.features.online.page import Stored
from lapwise.features.online.past import as_of
from lapwise.features.online.tail import Tail
from lapwise.features.request import type_of
from lapwise.features.types import feature_type

__all__ = ["Scalars", "Vectors"]

Scalars: TypeAlias = list[Any]
"""One value for each entity, None where there is none."""


class Vectors:
    """Makes the features of one view whose columns have some types."""

    def __init__(self, view: FeatureView, columns: Sequence[ColumnLayout]) -> None:
        self.view, self.names = view, view.names
        self.fields = Fields(view, columns)
        self.windows = sorted({feature.within for _, feature in view.features})
        self._features = [
            (finisher(feature, self.fields), self.windows.index(feature.within))
            for _, feature in view.features
        ]

    def types(self) -> dict[str, pl.DataType]:
        """Return the type of each feature; categories and enums are text."""
        columns = {name: column.layout for name, column in self.fields.columns.items()}
        types = {
            name: type_of(Column(name=name, dtype=layout.dtype)) for name, layout in columns.items()
        }
        return {name: feature_type(one, types.get(one.column)) for name, one in self.view.features}

    def starts(self, at: int) -> list[int]:
        """Return the first event of each window at a time."""
        return [start_of_one(at, within, self.view.grain) for within in self.windows]

    def tails(self, at: int) -> list[int]:
        """Return the tiles in which windows begin, whose rows are needed one by one."""
        tile = self.fields.tile
        if self.view.grain > 1 or tile == 1:
            return []
        return sorted({start // tile for start in self.starts(at) if start % tile})

    def compute(
        self, pages: Sequence[bytes | None], tiles: Sequence[Sequence[bytes | None]], at: int
    ) -> list[Scalars] | None:
        """Return one list for each feature: its values for some entities as of a time.

        Args:
            pages: each entity's record.
            tiles: for each entity the records of the tiles that :meth:`tails` names; empty if it
                names none.
            at: microseconds.

        Returns:
            None if a page changed since, or if a sum of it may not fit: :meth:`compute_past` knows.
        """
        starts = self.starts(at)
        found: list[list[Line]] = [[] for _ in starts]
        if not self._add(found, pages, starts, at):
            return None
        tails = self.tails(at) if tiles else []
        for entity, mine in enumerate(tiles):
            page, rows = pages[entity], dict(zip(tails, mine, strict=True))
            if page is not None and any(mine):
                self._replace(found, entity, Tail(self.fields, page), rows, starts)
        return [list(map(finish, found[window])) for finish, window in self._features]

    def _replace(
        self,
        found: list[list[Line]],
        entity: int,
        tail: Tail,
        tiles: Mapping[int, bytes | None],
        starts: Sequence[int],
    ) -> None:
        """Put in the lines of an entity's windows that begin within a tile."""
        for lines, start in zip(found, starts, strict=True):
            content = tiles.get(start // self.fields.tile)
            if content is not None and start % self.fields.tile:
                lines[entity] = tail.line(start, content)

    def compute_past(
        self, pages: Sequence[Stored], tiles: Sequence[Sequence[Stored]], at: int
    ) -> list[Scalars]:
        """Return what :meth:`compute` does, for any time, from all that is kept of the entities.

        Raises:
            FeatureError: a number does not fit its fixed point.
        """
        starts, tails = self.starts(at), self.tails(at)
        found: list[list[Line]] = [[] for _ in starts]
        begun = dict(zip(self.windows, starts, strict=True))
        made = [
            as_of(self.view, self.fields, page, dict(zip(tails, mine, strict=True)), begun, at)
            for page, mine in zip(pages, tiles or [()] * len(pages), strict=True)
        ]
        self._add(found, made, starts, FOREVER)
        return [list(map(finish, found[window])) for finish, window in self._features]

    def _add(
        self,
        found: list[list[Line]],
        pages: Sequence[bytes | None],
        starts: list[int],
        at: int,
    ) -> bool:
        """Add the line of each window of each entity; return whether all are right at a time."""
        fields, unpack, size = self.fields, self.fields.unpack, 8 * self.fields.line
        for page in pages:
            if page is None:
                for lines in found:
                    lines.append(fields.nothing)
                continue
            settled, begins, content = open_lines(page, fields)
            if settled > at:
                return False
            texts = [read_texts(content).texts if content else []] if fields.texts else []
            index = number = len(begins)
            for lines, start in zip(found, starts, strict=True):
                index = bisect_left(begins, start, 0, index)
                line = unpack(page, HEAD.size + index * size) if index < number else fields.nothing
                lines.append((*line, *texts) if texts else line)
        return True
