"""The lines of a page: each is its item joined with all later ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lapwise.core.declaration import Table
from lapwise.features import model as lw
from lapwise.features.corrections import FOREVER
from lapwise.features.kernel import Int64
from lapwise.features.model import FeatureView
from lapwise.features.online.fields import POSITION, ROWS, UNTIL, VISIBLE, Fields
from lapwise.features.online.layout import ColumnLayout
from lapwise.features.online.lines import HEAD, fit, lines_of, suffixes

VIEW = FeatureView(
    "v",
    Table("t", "t.parquet", key="id", event="at"),
    "who",
    {
        "n": lw.count(within="1h"),
        "s": lw.std("x", within="1h"),
        "least": lw.min("x", within="1h"),
        "most": lw.max("x", within="1h"),
        "first": lw.first("x", within="1h"),
        "latest": lw.last_n("x", 3, within="1h"),
    },
)
FIELDS = Fields(VIEW, [ColumnLayout(name="x", dtype="Int64", storage="number", code="<i8")])
X = FIELDS.columns["x"]
RUNS = st.lists(st.integers(1, 6), min_size=1, max_size=5)


def items_of(runs: list[int], numbers: Int64) -> Int64:
    """Return rows of some runs, each with or without an observation."""
    items = np.zeros((sum(runs), FIELDS.width), np.int64)
    items[:, ROWS + 1 :] = numbers
    items[:, POSITION] = np.arange(len(items))
    items[:, UNTIL] = FOREVER
    items[:, ROWS] = 1
    items[:, X.observed] = numbers[:, 0] % 2
    return items


@given(st.data(), RUNS)
def test_a_line_is_what_one_by_one_gives(data: st.DataObject, runs: list[int]) -> None:
    shape = (sum(runs), FIELDS.width - ROWS - 1)
    numbers = data.draw(arrays(np.int64, shape, elements=st.integers(-9, 9)))
    items, ends = items_of(runs, numbers), np.cumsum(runs)
    lines = suffixes(items, ends, FIELDS)
    for start, stop in zip([0, *ends.tolist()], ends.tolist(), strict=False):
        for at in range(start, stop):
            rest, line = items[at:stop], lines[at]
            seen = [int(one[X.first]) for one in rest if one[X.observed]]
            newest = [int(one[X.latest]) for one in items[start:stop][::-1] if one[X.observed]]
            assert line[FIELDS.added].tolist() == rest[:, FIELDS.added].sum(axis=0).tolist()
            assert line[X.least] == rest[:, X.least].min()
            assert line[X.greatest] == rest[:, X.greatest].max()
            assert line[X.first] == (seen[0] if seen else 0)
            own = min(len(seen), 3)
            assert line[X.latest : X.latest + own].tolist() == newest[:own]
            assert line[[POSITION, VISIBLE, UNTIL]].tolist() == [at, 0, FOREVER]


def test_lines_are_right_as_of_the_last_change_or_never() -> None:
    items = items_of([2, 2, 1], np.ones((5, FIELDS.width - ROWS - 1), np.int64))
    items[:, VISIBLE] = [10, 20, 30, 31, 5]
    items[2, UNTIL] = 99  # corrected: seen for the last time at 99
    items[4, X.sums[None]] = 1 << 62
    made = [HEAD.unpack_from(one) for one in lines_of(items, [2, 2, 1], [], FIELDS)]
    assert [(settled, number) for settled, number, _ in made] == [(20, 2), (100, 1), (FOREVER, 1)]
    assert fit(items, np.array([2, 4, 5]), FIELDS).tolist() == [True, True, False]
