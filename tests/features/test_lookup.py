"""A request becomes the very row that the frame has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lapwise.core.declaration import Table
from lapwise.core.errors import FeatureError
from lapwise.core.model import Column
from lapwise.features import model as lw
from lapwise.features.expressions.demand import on_demand
from lapwise.features.frame import Feature, compute
from lapwise.features.model import FeatureView
from lapwise.features.online.lookup import OnlineLookup
from lapwise.features.online.store import OnlineStore
from lapwise.features.request import in_microseconds

NOW = datetime(2013, 1, 5, 12, tzinfo=UTC)
MICROS = 1_357_387_200_000_000
TABLE = Table("events", "events.parquet", key="id", event="at")
EVENTS = pl.DataFrame(
    {
        "id": range(40),
        "at": [NOW - timedelta(hours=hour) for hour in range(40)],
        "who": ["a", "b"] * 20,
        "day": [(NOW - timedelta(hours=hour)).date() for hour in range(40)],
        "small": pl.Series(range(40), dtype=pl.UInt8),
        "huge": pl.Series([2**62 - 1 - i for i in range(40)], dtype=pl.UInt64),
        "wait": pl.Series([timedelta(minutes=i) for i in range(40)], dtype=pl.Duration("ms")),
        "half": pl.Series([i + 0.1 for i in range(40)], dtype=pl.Float32),
        "kind": pl.Series(["x", "y", None, "z"] * 10, dtype=pl.Categorical),
    }
)
KINDS = {
    "small": ("sum", "mean", "std", "min", "max", "last", "first"),
    "huge": ("min", "max", "last"),
    "wait": ("sum", "mean", "min", "last"),
    "half": ("sum", "mean", "std", "max", "first"),
    "day": ("min", "max", "last"),
    "at": ("max", "first"),
    "kind": ("last", "first"),
}
AGGREGATES = {
    f"{kind}_{column}": getattr(lw, kind)(column, within="1d")
    for column, kinds in KINDS.items()
    for kind in kinds
}
PERSON = FeatureView("person", TABLE, "who", AGGREGATES)
DAY = FeatureView("day", TABLE, ("day", "who"), {"day_n": lw.count(within="3d")})


@on_demand
def calendar(leaves: pl.Expr, distance: pl.Expr) -> dict[str, pl.Expr]:
    local = leaves.dt.convert_time_zone("America/New_York")
    return {"hour": local.dt.hour(), "far": distance > 100, "one": pl.lit(1), "leaf": leaves}


@pytest.mark.parametrize("unit", ["Datetime", "Duration"])
def test_nanoseconds_before_1970_leave_as_in_the_frame(tmp_path: Path, unit: str) -> None:
    """An instant is the microsecond that it lies in, a duration is cut towards zero."""
    dtype = getattr(pl, unit)("ns")
    fine = pl.Series([-1, 1500, -1500, 999, -999, None], dtype=pl.Int64).cast(dtype)
    kinds = {kind: getattr(lw, kind)("fine", within="1d") for kind in ("first", "min", "max")}
    view = FeatureView("fine", TABLE, "who", {**kinds, "last": lw.last_n("fine", 3, within="1d")})
    events = EVENTS[:6].with_columns(fine.alias("fine"))
    asked = pl.DataFrame({"who": ["a", "b"], "now": [NOW, NOW]})
    frame = compute(asked, [view], time="now", tables={"events": events.lazy()})
    with OnlineStore.open(tmp_path) as store:
        store.materialize([view], {"events": events.lazy()}, at=MICROS)
        found = OnlineLookup([view], store, columns=COLUMNS[:1]).look_up(
            {"who": ["a", "b"]}, at=MICROS
        )
    for name, values in found.items():
        assert list(values) == in_microseconds(frame[name]).to_list(), name


@pytest.mark.parametrize(("dtype", "who"), [("UInt64", 2**64), ("String", "\ud800")])
def test_an_entity_that_no_table_can_name_is_refused(
    tmp_path: Path, dtype: str, who: object
) -> None:
    """It is told as a wrong value, and does not break the server."""
    events = EVENTS.with_columns(pl.lit("1").cast(getattr(pl, dtype)).alias("who"))
    view = FeatureView("person", TABLE, "who", {"n": lw.count(within="1d")})
    with OnlineStore.open(tmp_path) as store:
        store.materialize([view], {"events": events.lazy()}, at=MICROS)
        lookup = OnlineLookup([view], store, columns=[Column(name="who", dtype=dtype)])
        with pytest.raises(FeatureError, match=r"the entity \(who\) has a value of a wrong type"):
            lookup.look_up({"who": [who]}, at=MICROS)


FEATURES: list[Feature] = [PERSON, DAY, calendar, "distance", "who"]
COLUMNS = [
    Column(name="who", dtype="String"),
    Column(name="day", dtype="Date"),
    Column(name="leaves", dtype="Datetime(time_unit='us', time_zone='UTC')"),
    Column(name="distance", dtype="Int64"),
]
EXAMPLES = pl.DataFrame(
    {
        "who": ["a", "b", "a", None, "nobody"],
        "day": [(NOW - timedelta(days=back)).date() for back in (0, 0, 1, 0, 0)],
        "leaves": [NOW + timedelta(hours=hour) for hour in range(5)],
        "distance": [50, None, 150, 7, 100],
        "time": [NOW] * 5,
    }
).with_columns(pl.col("leaves", "time").dt.convert_time_zone("UTC"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OnlineStore]:
    with OnlineStore.open(tmp_path) as store:
        store.materialize([PERSON, DAY], {"events": EVENTS.lazy()}, at=MICROS)
        yield store


def request(frame: pl.DataFrame) -> dict[str, list[Any]]:
    """Return examples as a request carries them."""
    return {
        name: (frame[name].dt.epoch("us") if frame.schema[name].is_temporal() else frame[name])
        .to_list()
        for name in ("who", "day", "leaves", "distance")
    }  # fmt: skip


def plain(series: pl.Series) -> list[Any]:
    """Return values with times in microseconds."""
    if isinstance(series.dtype, pl.Duration):
        return series.dt.total_microseconds().to_list()
    return (series.dt.epoch("us") if series.dtype.is_temporal() else series).to_list()


def test_equals_the_frame_for_every_type(store: OnlineStore) -> None:
    wanted = compute(EXAMPLES, FEATURES, time="time", tables={"events": EVENTS.lazy()})
    lookup = OnlineLookup(FEATURES, store, columns=COLUMNS)
    found = lookup.look_up(request(EXAMPLES), at=MICROS)
    assert list(found) == list(lookup.names)
    for name, values in found.items():
        assert repr(list(values)) == repr(plain(wanted[name])), name


def test_one_row_alone_is_what_it_is_among_others(store: OnlineStore) -> None:
    lookup = OnlineLookup(FEATURES, store, columns=COLUMNS)
    whole = lookup.look_up(request(EXAMPLES), at=MICROS)
    for place in range(EXAMPLES.height):
        alone = lookup.look_up(request(EXAMPLES[place]), at=MICROS)
        assert repr(alone) == repr({name: [values[place]] for name, values in whole.items()})


def test_no_rows_give_no_values(store: OnlineStore) -> None:
    lookup = OnlineLookup(FEATURES, store, columns=COLUMNS)
    found = lookup.look_up(request(EXAMPLES.clear()), at=MICROS)
    assert set(map(len, found.values())) == {0}


def test_wrong_types_are_told_by_column_without_the_value(store: OnlineStore) -> None:
    lookup = OnlineLookup(FEATURES, store, columns=COLUMNS)
    good = request(EXAMPLES)
    for column, value in (("who", 917), ("day", "917"), ("leaves", "917"), ("distance", "917")):
        with pytest.raises(FeatureError, match=f"'{column}'") as told:
            lookup.look_up(good | {column: [value] * 5}, at=MICROS)
        assert "917" not in str(told.value)
    with pytest.raises(FeatureError, match="lacks a column: 'distance'"):
        lookup.look_up({k: v for k, v in good.items() if k != "distance"}, at=MICROS)


def test_a_lookup_that_cannot_be_is_refused(store: OnlineStore) -> None:
    for features in ([PERSON], [calendar], ["distance"]):
        with pytest.raises(FeatureError, match="requests do not carry"):
            OnlineLookup(features, store, columns=COLUMNS[1:2])
    other = [Column(name="who", dtype="Int64")]
    with pytest.raises(FeatureError, match="String in the table and Int64 in the request"):
        OnlineLookup([PERSON], store, columns=other).look_up({"who": [1]}, at=MICROS)


def test_a_number_that_does_not_fit_is_refused_when_it_is_seen(tmp_path: Path) -> None:
    view = FeatureView("person", TABLE, "who", {"sum": lw.sum("huge", within="1d")})
    table = EVENTS.with_columns(huge=pl.lit(2**62, pl.UInt64)).lazy()
    with OnlineStore.open(tmp_path / "other") as store:
        store.materialize([view], {"events": table}, at=MICROS)
        lookup = OnlineLookup([view], store, columns=COLUMNS[:1])
        assert lookup.look_up({"who": ["nobody"]}, at=MICROS) == {"sum": [None]}
        with pytest.raises(FeatureError, match="does not fit"):
            lookup.look_up({"who": ["a"]}, at=MICROS)
