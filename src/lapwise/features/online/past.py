"""An entity's page as it was: what a look-up needs that asks for a time before its last change."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress

import numpy as np

from lapwise.features.corrections import FOREVER
from lapwise.features.model import FeatureView
from lapwise.features.online.fields import POSITION, UNTIL, VISIBLE, Fields
from lapwise.features.online.finish import check_sums
from lapwise.features.online.lines import fit, lines_of
from lapwise.features.online.page import Page, Stored

__all__ = ["as_of"]


def as_of(
    view: FeatureView,
    fields: Fields,
    stored: Stored,
    tiles: Mapping[int, Stored],
    starts: Mapping[int, int],
    at: int,
) -> bytes | None:
    """Return the lines that an entity's page had at a time, None if nothing of it was visible.

    Args:
        view: whose page.
        fields: the view's.
        stored: what is kept of the page.
        tiles: what is kept of the tiles in which windows begin.
        starts: where each window begins, by its length.
        at: microseconds.

    Raises:
        FeatureError: a number in a window does not fit its fixed point.
    """
    page = Page.decode(stored, fields)
    for tile, content in tiles.items():
        index = page.folded(tile * fields.tile)
        if content.record is not None and index is not None:
            page.splice(index, index + 1, Page.decode(content, fields))
    items = page.numbers()
    shown = (items[:, VISIBLE] <= at) & (items[:, UNTIL] >= at)
    items = items[shown]
    if not len(items):
        return None
    if not fit(items, np.array([len(items)]), fields)[0]:
        windows = {
            within: items[items[:, POSITION] >= start].tolist() for within, start in starts.items()
        }
        check_sums(view, fields.columns, windows)
    items[:, UNTIL] = FOREVER
    sides = list(compress(page.sides, shown.tolist()))
    return lines_of(items, [len(items)], sides, fields)[0]
