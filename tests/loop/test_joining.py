"""Features in a notebook: no project, no store; the same numbers as a lap's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import lapwise as lw
from lapwise.core.errors import DataError, DeclarationError, FeatureError
from lapwise.features import point_in_time as join
from tests.loop.worlds import World, make_world

DAY = datetime(2013, 1, 1, tzinfo=UTC)
ROWS = pl.DataFrame(
    {
        "id": [1, 2, 3],
        "tail": ["N1", "N1", "N2"],
        "landed": [DAY + timedelta(hours=hour) for hour in (8, 9, 9)],
        "delay": [5.0, 7.0, None],
    }
)
EXAMPLES = pl.DataFrame(
    {"tail": ["N1", "N2", None], "at": [DAY + timedelta(hours=10)] * 3, "items": [1, 2, 3]}
)


def flights(source: str = "", **more: object) -> lw.Table:
    return lw.Table("flights", source or "flights.parquet", key="id", event="landed", **more)  # type: ignore[arg-type]


def plane(table: lw.Table) -> lw.FeatureView:
    features = {"n": lw.count(within="1d"), "late": lw.mean("delay", within="1d")}
    return lw.FeatureView("plane", table, by="tail", features=features)


@lw.on_demand
def many(items: pl.Expr) -> dict[str, pl.Expr]:
    return {"many": items > 1}


def test_files_are_read_relative_to_where_one_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parquet, CSV and what a build function gives are the same rows; nothing is left behind."""
    ROWS.write_parquet(tmp_path / "flights.parquet")
    ROWS.write_csv(tmp_path / "flights.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")
    monkeypatch.chdir(tmp_path)

    def build(paths: list[Path]) -> pl.LazyFrame:
        return pl.scan_parquet(paths)

    expected = join(EXAMPLES, [plane(flights())], time="at", tables={"flights": ROWS.lazy()})
    assert expected["n"].to_list() == [2, 1, 0]
    for table in (flights(), flights("*.csv"), flights(build=build)):
        assert_frame_equal(lw.point_in_time(EXAMPLES, plane(table)), expected)
    monkeypatch.chdir("/")
    assert_frame_equal(lw.point_in_time(EXAMPLES, [plane(flights())], root=tmp_path), expected)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["flights.csv", "flights.parquet"]


def test_a_lap_would_compute_the_same(tmp_path: Path) -> None:
    """The page's own view over its own file, on all its orders."""
    world: World = make_world(tmp_path / "world")
    loop = world.loop()
    orders = pl.read_parquet(world.root / "data" / "orders.parquet")
    found = lw.point_in_time(orders, loop.views, time="ordered_at", root=world.root)
    outcomes = pl.scan_parquet(world.root / "data" / "outcomes.parquet")
    assert_frame_equal(
        found, join(orders, loop.views, time="ordered_at", tables={"outcomes": outcomes})
    )
    assert 0 < found["customer_rate"].null_count() < 3000


@pytest.mark.parametrize("kind", ["polars", "lazy", "pandas", "arrow"])
def test_frames_of_every_kind_are_taken(kind: str) -> None:
    kinds: dict[str, Callable[[pl.DataFrame], object]] = {
        "polars": lambda frame: frame,
        "lazy": lambda frame: frame.lazy(),
        "pandas": lambda frame: frame.to_pandas(),
        "arrow": lambda frame: frame.to_arrow(),
    }
    made = kinds[kind]
    found = lw.point_in_time(
        made(EXAMPLES), [plane(flights()), many], tables={"flights": made(ROWS)}
    )
    assert isinstance(found, pl.DataFrame)
    assert found.columns == ["tail", "at", "items", "n", "late", "many"]
    assert found["n"].to_list() == [2, 1, 0]
    assert found["late"].to_list() == [6.0, None, None]
    assert found["many"].to_list() == [False, True, True]


def test_what_was_known_is_told_when_asked() -> None:
    found = lw.point_in_time(
        EXAMPLES, plane(flights()), tables={"flights": ROWS}, known=True, memory=1 << 20
    )
    assert found["plane__known"].to_list()[0] == int(ROWS["landed"].dt.epoch("us")[1])


def test_on_demand_functions_alone_need_no_time() -> None:
    found = lw.point_in_time(pl.DataFrame({"items": [1, 2]}), many)
    assert found["many"].to_list() == [False, True]


@pytest.mark.parametrize(
    ("examples", "named"),
    [
        (EXAMPLES.with_columns(pl.col("at").alias("then")), ("at, then", 'time="at"')),
        (EXAMPLES.with_columns(pl.col("at").cast(pl.String)), ("no column", "str.to_datetime")),
        (EXAMPLES.drop("tail"), ("tail", "plane")),
        ([1, 2], ("must be a frame", "list")),
        (pd.Series([1]), ("must be a frame", "Series")),
    ],
)
def test_what_is_wrong_with_examples_is_named(examples: object, named: tuple[str, ...]) -> None:
    with pytest.raises((FeatureError, DeclarationError)) as caught:
        lw.point_in_time(examples, [plane(flights())], tables={"flights": ROWS})
    for word in named:
        assert word in str(caught.value)


def test_what_is_wrong_with_tables_is_named(tmp_path: Path) -> None:
    view = plane(flights())
    with pytest.raises(DeclarationError, match="'fligths'") as caught:
        lw.point_in_time(EXAMPLES, view, tables={"fligths": ROWS})
    assert "one of flights" in str(caught.value)
    with pytest.raises(DataError, match=r"flights\.parquet") as gone:
        lw.point_in_time(EXAMPLES, view, root=tmp_path)
    assert gone.value.__notes__ == ["or give its rows: tables={'flights': rows}"]
    ROWS.drop("delay").write_parquet(tmp_path / "flights.parquet")
    with pytest.raises(FeatureError, match="delay"):
        lw.point_in_time(EXAMPLES, view, root=tmp_path)
    ROWS.with_columns(pl.col("landed").dt.replace_time_zone(None)).write_parquet(
        tmp_path / "flights.parquet"
    )
    with pytest.raises(DataError, match="no time zone"):
        lw.point_in_time(EXAMPLES, view, root=tmp_path)
    other = lw.FeatureView(
        "other", flights("other.parquet"), by="tail", features={"m": lw.count(within="1d")}
    )
    with pytest.raises(DeclarationError, match="two different tables"):
        lw.point_in_time(EXAMPLES, [view, other], root=tmp_path)


def test_what_is_no_feature_is_named() -> None:
    for wrong in ([], ["tail"], [flights()]):
        with pytest.raises(DeclarationError):
            lw.point_in_time(EXAMPLES, wrong)  # type: ignore[arg-type]
