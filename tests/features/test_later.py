"""A long table in files is read in two parts, and timelines are made over their codes: the same bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from lapwise.core.declaration import Table
from lapwise.core.errors import DataError
from lapwise.features import model as lw
from lapwise.features.model import FeatureView
from lapwise.features.offline import later
from lapwise.features.offline.axis import Timeline
from lapwise.features.offline.join import point_in_time
from lapwise.features.rows import rows_of

MOST = 2**63 - 1
FAR = st.one_of(st.integers(-(2**60), 2**60), st.integers(-MOST - 1, MOST))
PAIRS = st.one_of(
    st.lists(st.tuples(st.integers(0, 4), FAR), max_size=12),
    st.lists(st.tuples(st.integers(0, 2**30), st.integers(-5, 2**45)), max_size=12),
)
ROWS = 3000
INSTANT = pl.Datetime("us", "UTC")


def arrays(pairs: list[tuple[int, int]]) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Return pairs as two arrays."""
    return [np.array([pair[i] for pair in pairs], np.int64) for i in (0, 1)]


@given(PAIRS, PAIRS)
def test_a_timeline_over_its_codes_says_the_same(
    pairs: list[tuple[int, int]], wanted: list[tuple[int, int]]
) -> None:
    """It counts, compares and gives back its pairs as Python's tuples do."""
    pairs, wanted = sorted(pairs), sorted(wanted)
    hay = Timeline(*arrays(pairs), over=True)
    needles = arrays(wanted)
    assert hay.count(*needles, after=False).tolist() == [sum(p < w for p in pairs) for w in wanted]
    assert hay.count(*needles, after=True).tolist() == [sum(p <= w for p in pairs) for w in wanted]
    codes, moments = hay.pairs()
    assert list(zip(codes.tolist(), moments.tolist(), strict=True)) == pairs
    for place, pair in enumerate(pairs):
        places = np.full(len(wanted), place)
        assert hay.reached(places, *needles).tolist() == [pair >= one for one in wanted]


def history(*, late: bool) -> pl.DataFrame:
    """Return rows with serial keys, ties in time, nulls and NaN, known at once or somewhat later."""
    random = np.random.default_rng(5)
    event = np.sort(random.integers(0, 500, ROWS))
    number = random.normal(size=ROWS)
    number[::7] = np.nan
    return pl.DataFrame(
        {
            "key": np.arange(ROWS),
            "event": pl.Series(event).cast(INSTANT),
            "known": pl.Series(event + late * random.integers(0, 9, ROWS)).cast(INSTANT),
            "who": random.integers(0, 40, ROWS),
            "number": pl.Series(number),
            "word": [None if i % 5 == 0 else f"w{i % 11}" for i in range(ROWS)],
        }
    )


def view_of(known: str) -> FeatureView:
    """Return a view with each kind of computation over two windows."""
    table = Table("history", "history.parquet", key="key", event="event", known=known)
    features = {
        f"{make.__name__}_{column}_{within}": make(column, within=within)
        for make in (lw.first, lw.last, lw.distinct)
        for column in ("number", "word")
        for within in ("9us", "90us")
    }
    features |= {
        f"{make.__name__}_{within}": make("number", within=within)
        for make in (lw.sum, lw.mean, lw.std, lw.min, lw.max)
        for within in ("9us", "90us")
    }
    return FeatureView("view", table, by="who", features=features)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("known", ["event", "known"])
@pytest.mark.parametrize("until", [400, 600])
def test_a_table_read_in_two_parts_gives_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: str, until: int, *, late: bool
) -> None:
    """With rows known when they happen and later, all of them or those before some time."""
    table, view = history(late=late), view_of(known)
    table.write_parquet(tmp_path / "history.parquet", row_group_size=100)
    random = np.random.default_rng(6)
    examples = pl.DataFrame(
        {"at": random.integers(0, until, 900), "who": random.integers(0, 45, 900)}
    ).with_columns(pl.col("at").cast(INSTANT))
    scan = pl.scan_parquet(tmp_path / "history.parquet")
    monkeypatch.setattr(later, "_LONG", 1000)
    rows = rows_of(view, {"history": scan}, examples.schema)
    assert later.in_parts(view, rows, rows.scan)[0] is not None
    parts, whole = (
        point_in_time(examples, [view], time="at", tables={"history": one}, known=True)
        for one in (scan, table.lazy())
    )
    assert_frame_equal(parts, whole, check_exact=True)


def test_a_table_whose_keys_do_not_ascend_is_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For then it does not show that both parts are in one order; nor is a join done twice."""
    view, examples = view_of("known"), pl.Schema({"at": INSTANT, "who": pl.Int64()})
    table = history(late=True)
    turned = tmp_path / "turned.parquet"
    table.with_columns(pl.col("key").reverse()).write_parquet(turned)
    once = tmp_path / "once.parquet"
    pl.concat([table, table.tail(1)]).write_parquet(once)
    monkeypatch.setattr(later, "_LONG", 1000)
    joined = pl.scan_parquet(once).join(pl.scan_parquet(once), on="key", how="semi")
    for scan in (pl.scan_parquet(turned), pl.scan_parquet(once), joined, table.lazy()):
        rows = rows_of(view, {"history": scan}, examples)
        assert later.in_parts(view, rows, rows.scan) == (None, None)


def test_a_table_that_changes_between_its_parts_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never values of other rows."""
    path, view = tmp_path / "history.parquet", view_of("known")
    table = history(late=True)
    table.write_parquet(path)
    monkeypatch.setattr(later, "_LONG", 1000)
    schema = pl.Schema({"at": INSTANT, "who": pl.Int64()})
    rows = rows_of(view, {"history": pl.scan_parquet(path)}, schema)
    _, values = later.in_parts(view, rows, rows.scan)
    assert values is not None
    assert values.read().height == ROWS
    other = tmp_path / "other.parquet"
    table.with_columns(pl.col("key") + 1).write_parquet(other)
    changed = rows_of(view, {"history": pl.scan_parquet(other)}, schema).scan
    with pytest.raises(DataError, match="changed while it was read"):
        replace(values, scan=changed.select(values.scan.collect_schema().names())).read()
