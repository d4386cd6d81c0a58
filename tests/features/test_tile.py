"""Tiles: rows are folded when nothing changes them any more, and taken apart when something does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from lapwise.core.declaration import Table
from lapwise.core.errors import FeatureError
from lapwise.core.model import Column
from lapwise.features import model as lw
from lapwise.features.model import FeatureView
from lapwise.features.offline.join import point_in_time
from lapwise.features.online.lookup import OnlineLookup
from lapwise.features.online.store import OnlineStore

MINUTE, HOUR = 60_000_000, 3_600_000_000
TABLE = Table("events", "events.parquet", key="id", event="at", known="known")
SCHEMA = pl.Schema(
    {
        "id": pl.Int64(),
        "at": pl.Datetime("us", "UTC"),
        "known": pl.Datetime("us", "UTC"),
        "who": pl.String(),
        "x": pl.Float64(),
        "s": pl.String(),
    }
)
WHO = Column(name="who", dtype="String")


def view_of(grain: str | None) -> FeatureView:
    """Return a view with every aggregate over a short and a long window."""
    features: dict[str, lw.Aggregate | lw.Latest] = {}
    for within in ("45m", "64h"):
        features |= {f"n_{within}": lw.count(within=within)}
        for kind in (lw.sum, lw.mean, lw.std, lw.min, lw.max, lw.first, lw.distinct):
            features[f"{kind.__name__}_{within}"] = kind("x", within=within)
        features[f"s_{within}"] = lw.last_n("s", 3, within=within)
        features[f"f_{within}"] = lw.first("s", within=within)
        features[f"x_{within}"] = lw.last_n("x", 20, within=within)
    return FeatureView("person", TABLE, "who", features, grain=grain)


def rows(numbers: Sequence[int]) -> pl.DataFrame:
    """Return one row a minute, known a second after it happened, some without a value."""
    made = [
        (i, i * MINUTE, i * MINUTE + 1_000_000, "ab"[i % 7 == 0], None if i % 5 == 0 else i / 3, f"s{i % 4}")
        for i in numbers
    ]  # fmt: skip
    return pl.DataFrame(made, orient="row", schema=dict.fromkeys(SCHEMA)).cast(SCHEMA)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OnlineStore]:
    with OnlineStore.open(tmp_path / "online", keep="30m") as opened:
        yield opened


def check(store: OnlineStore, view: FeatureView, table: pl.DataFrame, at: int) -> None:
    """Fail on any bit in which a look-up differs from the frame."""
    who = ["a", "b", "nobody"]
    found = OnlineLookup([view], store, columns=[WHO]).look_up({"who": who}, at=at)
    times = pl.Series("time", [at] * 3).cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame({"who": who}).with_columns(times)
    wanted = point_in_time(frame, [view], time="time", tables={"events": table.lazy()})
    for name in view.names:
        assert repr(list(found[name])) == repr(wanted[name].to_list()), (name, at)


def records(store: OnlineStore, view: FeatureView, kind: bytes) -> int:
    """Return how many records of a kind there are."""
    state = store.state(view)
    assert state is not None
    return len(list(store.backend.scan(state.number.to_bytes(4, "big") + kind)))


def tiles(store: OnlineStore, view: FeatureView) -> int:
    """Return how many pages of rows there are beside the entities' pages."""
    return records(store, view, b"d")


GRAINS = pytest.mark.parametrize("grain", [None, "30m", "45m"])


@GRAINS
def test_a_busy_entity_is_folded_and_answers_the_same(
    store: OnlineStore, grain: str | None
) -> None:
    view, table = view_of(grain), rows(range(3000))
    store.materialize([view], {"events": table.head(0).lazy()}, at=0)
    for start in range(0, 3000, 250):
        store.push(TABLE, table[start : start + 250], [view])
        latest = (start + 250) * MINUTE
        for at in (latest - 20 * MINUTE, latest, latest + 7 * MINUTE + 13, latest + 70 * HOUR):
            check(store, view, table[: start + 250], at)
    assert tiles(store, view) > 40
    store.push(TABLE, rows([12_000]), [view])  # of a; all that it had left its windows
    store.push(TABLE, rows([12_005]), [view])  # of b
    assert tiles(store, view) == 0


@GRAINS
def test_late_rows_and_corrections_take_a_tile_apart(store: OnlineStore, grain: str | None) -> None:
    view, table = view_of(grain), rows(range(2000))
    store.materialize([view], {"events": table.lazy()}, at=2000 * MINUTE)
    folded = tiles(store, view)
    assert folded > 20
    late = rows([100, 700, 1300]).with_columns(
        pl.col("id") + 10_000,
        pl.col("x") * -1000,
        known=pl.lit(2001 * MINUTE).cast(SCHEMA["known"]),
    )
    moved = rows([300, 301]).with_columns(
        who=pl.lit("b"), known=pl.lit(2002 * MINUTE).cast(SCHEMA["known"])
    )
    retracted = rows([900]).with_columns(
        at=pl.lit(None, SCHEMA["at"]), known=pl.lit(2003 * MINUTE).cast(SCHEMA["known"])
    )
    for more in (late, moved, retracted):
        store.push(TABLE, more, [view])
        table = pl.concat([table, more])
        for minute in (1990, 2001, 2002, 2003, 2004, 2030):
            check(store, view, table, minute * MINUTE)
            check(store, view, table, minute * MINUTE + 1)
    assert tiles(store, view) < folded
    later = rows(range(2005, 2100))
    store.push(TABLE, later, [view])
    store.push(TABLE, rows([2100, 2107]), [view])
    table = pl.concat([table, later, rows([2100, 2107])])
    check(store, view, table, 2110 * MINUTE)
    assert tiles(store, view) >= folded  # what was taken apart is folded again


def test_a_window_may_begin_around_the_edge_of_a_tile(store: OnlineStore) -> None:
    """Exactly there a tile is taken whole, a microsecond later it is taken apart."""
    view, table = view_of(None), rows(range(2000))
    store.materialize([view], {"events": table.lazy()}, at=2000 * MINUTE)
    for edge in (900, 960):  # a tile is an hour long
        for beside in (-1, 0, 1, 2):
            check(store, view, table, edge * MINUTE + 64 * HOUR + beside)


def test_what_only_the_floor_sees_stays(store: OnlineStore) -> None:
    """The floor is the earliest time that is answered, and a correction is not known at its own."""
    view, table = view_of(None), rows(range(100))
    store.materialize([view], {"events": table.lazy()}, at=100 * MINUTE)
    corrected = rows([90]).with_columns(
        pl.col("x") * -1000, known=pl.lit(101 * MINUTE).cast(SCHEMA["known"])
    )
    last = rows([131]).with_columns(known=pl.lit(131 * MINUTE).cast(SCHEMA["known"]))
    for more in (corrected, last):
        store.push(TABLE, more, [view])
        table = pl.concat([table, more])
    state = store.state(view)
    assert state is not None
    assert state.floor == 101 * MINUTE
    for at in (state.floor, state.floor + 1):
        check(store, view, table, at)


def test_a_value_that_does_not_fit_is_an_error_for_who_sees_it(store: OnlineStore) -> None:
    view, table = view_of(None), rows(range(200))
    store.materialize([view], {"events": table.lazy()}, at=200 * MINUTE)
    infinite = rows([201]).with_columns(x=pl.lit(float("inf")), who=pl.lit("a"))
    assert store.push(TABLE, infinite, [view]).rows == 1
    lookup = OnlineLookup([view], store, columns=[WHO])
    assert lookup.look_up({"who": ["b"]}, at=203 * MINUTE)["n_64h"] == [29]
    with pytest.raises(
        FeatureError, match="view 'person': sum of column 'x': a value does not fit"
    ):
        lookup.look_up({"who": ["a"]}, at=203 * MINUTE)
    assert lookup.look_up({"who": ["a"]}, at=201 * MINUTE)["n_64h"] == [171]  # not yet known


def test_a_look_up_reads_once(store: OnlineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    views = [view_of(None), FeatureView("other", TABLE, "who", {"n": lw.count(within="1h")})]
    table = rows(range(2000))
    store.materialize(views, {"events": table.lazy()}, at=2000 * MINUTE)
    lookup = OnlineLookup(views, store, columns=[WHO])
    lookup.look_up({"who": ["a"]}, at=2000 * MINUTE)
    reads: list[int] = []
    read = store.backend.read

    def counted(keys: Sequence[bytes]) -> list[bytes | None]:
        reads.append(len(keys))
        return read(keys)

    monkeypatch.setattr(store.backend, "read", counted)
    lookup.look_up({"who": ["a", "b", "nobody", "a"]}, at=2000 * MINUTE)
    assert len(reads) == 1
    store.push(TABLE, rows([2002]), views)  # of b
    lookup.look_up({"who": ["a", "nobody", "a"]}, at=2000 * MINUTE)
    assert len(reads) == 2
    lookup.look_up({"who": ["a", "b", "nobody", "a"]}, at=2000 * MINUTE)
    assert len(reads) == 4  # b changed since
    lookup.look_up({"who": ["a", "b", "nobody", "a"]}, at=2003 * MINUTE)
    assert len(reads) == 5


def test_a_long_history_has_a_record_of_its_own(store: OnlineStore) -> None:
    """It goes when what it holds goes, and when it is short again."""
    view, table = view_of("30m"), rows(range(2000))
    store.materialize([view], {"events": table.lazy()}, at=2000 * MINUTE)
    assert (records(store, view, b"h"), records(store, view, b"r")) == (2, tiles(store, view))
    store.push(TABLE, rows([7_000]), [view])  # of a; all that it had left its windows
    assert records(store, view, b"h") == 1
    store.push(TABLE, rows([7_005]), [view])  # of b
    assert (records(store, view, b"h"), records(store, view, b"r")) == (0, 0)
    check(store, view, rows([7_000, 7_005]), 7_010 * MINUTE)


def test_only_a_features_own_window_must_fit(store: OnlineStore) -> None:
    """The sum of a longer window may fit though that of a shorter one, which nobody asks, does not."""
    features: dict[str, lw.Aggregate | lw.Latest] = {
        "sum": lw.sum("i", within="1h"),
        "count": lw.count(within="5m"),
        "least": lw.min("i", within="5m"),
    }
    view = FeatureView("whole", TABLE, "who", features)
    most = 2**62 - 1
    table = rows([0, 21, 22, 23]).with_columns(
        pl.Series("i", [-most, most, most, most]), who=pl.lit("a")
    )
    store.materialize([view], {"events": table.lazy()}, at=30 * MINUTE)
    check(store, view, table, 25 * MINUTE)
    lookup = OnlineLookup([view], store, columns=[WHO])
    with pytest.raises(FeatureError, match="the sum of a window does not fit"):
        lookup.look_up({"who": ["a"]}, at=61 * MINUTE)
