"""Random histories of every kind: ties, corrections, zones, units, types, grains, before 1970 and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

import polars as pl
from hypothesis import strategies as st

from lapwise.core.declaration import Table
from lapwise.core.duration import format_duration
from lapwise.core.model import Column
from lapwise.features import model as lw
from lapwise.features.model import Aggregate, FeatureView, Latest
from lapwise.features.offline.join import point_in_time
from lapwise.features.request import in_microseconds
from tests.features.reference import EPOCH, Row

DAY = 86_400_000_000
SPRING = 1_362_898_800_000_000
"""2013-03-10 07:00 UTC: the clock of New York jumps."""

KINDS: dict[str, tuple[str, ...]] = {
    "f": ("last", "first", "sum", "mean", "min", "max", "std", "distinct"),
    "g": ("last", "sum", "mean", "std", "min"),
    "i": ("last", "first", "sum", "mean", "min", "max", "std", "distinct"),
    "u": ("last", "min", "max", "distinct"),
    "b": ("last", "first", "sum", "min", "max", "rate", "distinct"),
    "s": ("last", "first", "distinct"),
    "w": ("sum", "mean", "std", "max", "last", "distinct"),
    "d": ("min", "max", "first", "last", "distinct"),
}
FLOATS = [0.0, -0.0, 0.1, 1.5, -3.25, 2.0**-17, 3 * 2.0**-17, 1e5, -123456.789, float("nan")]
VALUES: dict[str, list[Any]] = {
    "f": [*FLOATS, None, 2.0**30],
    "g": [0.1, -0.0, 0.5, 1e4, float("nan"), None],
    "i": [-5, 0, 1, 2, 7, 2**40, -(2**40), None],
    "u": [0, 1, 2**63, 2**64 - 1, None],
    "b": [True, False, None],
    "s": ["x", "y", "", "long" * 200, "é\0", None],
    "w": [timedelta(microseconds=3), timedelta(seconds=-1), timedelta(days=9), None],
    "d": [
        EPOCH.date(),
        (EPOCH - timedelta(days=1)).date(),
        (EPOCH + timedelta(days=99)).date(),
        None,
    ],
}
TYPES: dict[str, Any] = {
    "f": pl.Float64,
    "g": pl.Float32,
    "i": pl.Int64,
    "u": pl.UInt64,
    "b": pl.Boolean,
    "s": pl.String,
    "w": pl.Duration("us"),
    "d": pl.Date,
}
WHO = ["a", "b", "c" * 600, None]
ZONE = [1, 2, None]


@dataclass(frozen=True)
class Clock:
    """How moments become times of a table: microseconds a moment, the first, and the column's type."""

    unit: int
    base: int
    dtype: Any

    def at(self, moment: int) -> int:
        """Return a moment in microseconds."""
        return self.base + moment * self.unit

    def length(self, moments: int) -> str:
        """Return a duration of some moments."""
        return format_duration(moments * self.unit)


CLOCKS = [
    Clock(1, 0, pl.Datetime("us", "UTC")),
    Clock(1, -50, pl.Datetime("us")),
    Clock(1, SPRING - 30, pl.Datetime("ns", "America/New_York")),
    Clock(1000, SPRING - 30_000, pl.Datetime("ms", "Europe/Berlin")),
    Clock(1000, -50_000, pl.Datetime("ms")),
    Clock(7_200_000_000, SPRING - 30 * 7_200_000_000, pl.Datetime("us", "America/New_York")),
    Clock(DAY, -50 * DAY, pl.Date),
]


@dataclass(frozen=True)
class World:
    """A table and the views over it, all on one clock."""

    clock: Clock
    views: tuple[FeatureView, ...]
    text: Any
    pair: bool

    @property
    def table(self) -> Table:
        """The table of all views."""
        return self.views[0].table

    def rows(self, rows: Sequence[Row]) -> pl.DataFrame:
        """Return rows, whose times are moments, as the table has them."""
        schema: dict[str, Any] = {
            "key": pl.Int64,
            "line": pl.String,
            "event": pl.Int64,
            "known": pl.Int64,
            "who": pl.String,
            "zone": pl.Int16,
            **TYPES,
        }
        frame = pl.DataFrame(list(rows), schema=schema)
        times = [
            (self.clock.base + pl.col(name) * self.clock.unit).alias(name)
            for name in ("event", "known")
        ]
        frame = frame.with_columns(times).with_columns(
            pl.col("event", "known").cast(pl.Datetime("us", "UTC"))
        )
        dtype = self.clock.dtype
        if isinstance(dtype, pl.Datetime):
            moved = pl.col("event", "known")
            zone = dtype.time_zone
            moved = moved.dt.convert_time_zone(zone) if zone else moved.dt.replace_time_zone(None)
            frame = frame.with_columns(moved).cast({"event": dtype, "known": dtype})
        else:
            frame = frame.with_columns(pl.col("event", "known").dt.date())
        return frame.cast({"who": self.text})

    def lazy(self, rows: Sequence[Row]) -> dict[str, pl.LazyFrame]:
        """Return the tables."""
        return {self.table.name: self.rows(rows).lazy()}

    def examples(self, asked: Sequence[tuple[str | None, int | None, int]]) -> pl.DataFrame:
        """Return examples: who, zone, and a time in microseconds."""
        who, zone, at = zip(*asked, strict=True) if asked else ((), (), ())
        return pl.DataFrame(
            {"who": list(who), "zone": list(zone), "at": list(at)},
            schema={"who": pl.String, "zone": pl.Int16, "at": pl.Int64},
        ).with_columns(pl.col("at").cast(pl.Datetime("us", "UTC")))

    @property
    def entities(self) -> list[tuple[str | None, int | None]]:
        """All entities, and some that have no rows."""
        return [(who, zone) for who in (*WHO, "nobody") for zone in (ZONE if self.pair else [1])]

    @property
    def columns(self) -> list[Column]:
        """What a request carries."""
        return [Column(name="who", dtype="String"), Column(name="zone", dtype="Int16")]

    def frame(self, rows: Sequence[Row], at: int) -> dict[str, list[Any]]:
        """Return what the frame says of every entity at one time, as it leaves online."""
        asked = self.examples([(who, zone, at) for who, zone in self.entities])
        made = point_in_time(asked, self.views, time="at", tables=self.lazy(rows))
        return {
            name: in_microseconds(made[name]).to_list()
            for view in self.views
            for name in view.names
        }


def features(
    clock: Clock, name: str, windows: Sequence[int], kinds: int
) -> dict[str, Aggregate | Latest]:
    """Return every ``kinds``-th aggregate of each column over each window."""
    made: dict[str, Aggregate | Latest] = {}
    for window in windows:
        within = clock.length(window)
        made[f"{name}_count_{window}"] = lw.count(within=within)
        every = [(kind, column) for column, those in KINDS.items() for kind in those]
        for kind, column in every[window % kinds :: kinds]:
            made[f"{name}_{kind}_{column}_{window}"] = getattr(lw, kind)(column, within=within)
        made[f"{name}_lasts_{window}"] = lw.last_n("s", 3, within=within)
        made[f"{name}_latest_{window}"] = lw.last_n("f", 2, within=within)
        made[f"{name}_coarse_{window}"] = lw.sum("i", within=within, quantum=4.0)
    return made


def make_world(
    clock: Clock,
    *,
    grain: int,
    pair: bool,
    text: Any,
    kinds: int,
    windows: Sequence[int] = (1, 5, 30),
) -> World:
    """Return a world with an exact view, whose ``windows`` are given, and one with a grain."""
    key = ("key", "line") if pair else "key"
    by = ("zone", "who") if pair else "who"
    table = Table("history", "history.parquet", key=key, event="event", known="known")
    exact = FeatureView("exact", table, by, features(clock, "exact", windows, kinds))
    coarse = FeatureView(
        "coarse",
        table,
        by,
        features(clock, "coarse", (grain, 31), kinds),
        grain=clock.length(grain),
    )
    return World(clock, (exact, coarse), text, pair)


WORLDS: st.SearchStrategy[World] = st.builds(
    make_world,
    st.sampled_from(CLOCKS),
    grain=st.sampled_from([2, 3, 7]),
    pair=st.booleans(),
    text=st.sampled_from([pl.String, pl.Categorical, pl.Enum([one for one in WHO if one])]),
    kinds=st.sampled_from([3, 5]),
)

MOMENT = st.integers(0, 60)


def row_of(drawn: tuple[int, int, int | None, int, int]) -> Row:
    """Make a row of its key, event, lag and two seeds; a lag of None is never known."""
    key, event, lag, who, seed = drawn
    random = Random(seed)
    row: Row = {name: random.choice(values) for name, values in VALUES.items()}
    return {
        "key": key,
        "line": random.choice(["x", "y"]),
        "event": None if seed % 9 == 0 else event,
        "known": None if lag is None else max(event + lag, 0),
        "who": WHO[who],
        "zone": ZONE[seed % 3],
    } | row


ROW: st.SearchStrategy[Row] = st.tuples(
    st.integers(0, 6),
    MOMENT,
    st.one_of(st.integers(0, 3), st.integers(-20, 40), st.none()),
    st.sampled_from([0, 0, 0, 1, 2, 3]),
    st.integers(0, 4000),
).map(row_of)


@st.composite
def histories(draw: st.DrawFn, size: int = 24) -> list[Row]:
    """Draw rows with few keys, many ties, corrections, exact and near duplicates."""
    rows = draw(st.lists(ROW, max_size=size))
    again = draw(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 3)), max_size=6))
    for place, how in again:
        if not rows:
            break
        row = rows[place % len(rows)]
        known = row["known"]
        rows.append(
            [
                row,
                row | {"known": known if known is None else known + 1},
                row | {"i": 3, "f": -0.0},
                row | {"who": "b"},
            ][how]
        )
    if draw(st.booleans()):  # many keys: rows pile up, tiles are folded
        rows = [row | {"key": place} for place, row in enumerate(rows)]
    return rows


BUSY: st.SearchStrategy[Row] = st.tuples(
    st.integers(0, 400),
    st.integers(0, 150),
    st.sampled_from([0, 0, 0, 1, 1, 2, 9, 40]),
    st.sampled_from([0, 0, 0, 0, 0, 0, 1, 3]),
    st.integers(0, 1333).map(lambda seed: seed * 3 + 1),
).map(row_of)
"""A row of one entity as a rule, known soon as a rule, with a key of its own as a rule."""


@st.composite
def busy_histories(draw: st.DrawFn, size: int = 90) -> list[Row]:
    """Draw a long history of an entity with many rows: tiles are folded, and unfolded again."""
    rows = draw(st.lists(BUSY, min_size=size // 2, max_size=size))
    return [row | {"line": "x"} for row in rows]
