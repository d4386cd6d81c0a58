"""Columns and rows that are not as declared: one clear error, nothing kept."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lapwise.core.declaration import Table
from lapwise.data.read import scan
from lapwise.store.model import Store
from tests.data.worlds import FLIGHTS, MANY, UTC, instants, months, refused, rows, taken


@pytest.mark.parametrize("column", ["flight", "departure", "published"])
def test_a_missing_column_is_named(column: str, store: Store, tmp_path: Path) -> None:
    """Key, event and known columns must be there; the others are listed."""
    rows(5).drop(column).write_parquet(tmp_path / "flights.parquet")
    error = refused(store, tmp_path, f"table 'flights' has no column: '{column}'")
    assert "predicted" in error.expected


@pytest.mark.parametrize(
    ("dtype", "problem"),
    [
        (pl.String, "is not a datetime"),
        (pl.Int64, "is not a datetime"),
        (pl.Date, "is a date"),
        (pl.Datetime("us"), "has no time zone"),
    ],
)
def test_a_time_of_the_wrong_type_is_refused_with_the_edit(
    dtype: Any, problem: str, store: Store, tmp_path: Path
) -> None:
    """Text, numbers, dates and datetimes without a zone cannot say from when a row was known."""
    rows(5).with_columns(pl.col("published").cast(dtype)).write_parquet(
        tmp_path / "flights.parquet"
    )
    error = refused(store, tmp_path, f"the known time 'published' of table 'flights' {problem}")
    assert "with_columns" in error.fix


def test_a_table_of_no_rows_is_refused(store: Store, tmp_path: Path) -> None:
    """A Parquet file may be valid and hold nothing."""
    rows(5).clear().write_parquet(tmp_path / "flights.parquet")
    refused(store, tmp_path, "table 'flights' has no rows")


@pytest.mark.parametrize("damage", ["head", "tail", "middle"])
def test_a_damaged_parquet_file_is_named(damage: str, store: Store, tmp_path: Path) -> None:
    """Of two files, the one whose footer or pages cannot be read is named."""
    months(tmp_path, rows(500), rows(500, 500))
    path = tmp_path / "months/1.parquet"
    content = bytearray(path.read_bytes())
    middle = slice(100, len(content) // 3)
    place = {"head": slice(0, 4), "tail": slice(-8, None), "middle": middle}[damage]
    content[place] = b"\xff" * len(content[place])
    path.write_bytes(content if damage != "head" else b"not Parquet")
    refused(store, tmp_path, r"1\.parquet", MANY)


def test_files_with_different_columns_are_refused(store: Store, tmp_path: Path) -> None:
    """The difference is said in words, column by column."""
    odd = rows(5, 5).with_columns(pl.col("tail").cast(pl.Categorical)).drop("predicted")
    months(tmp_path, rows(5), odd)
    error = refused(store, tmp_path, "the files of table 'flights' have different columns", MANY)
    assert "no predicted" in str(error.value)
    assert "tail is Categorical, not String" in str(error.value)


@pytest.mark.parametrize("column", ["flight", "departure", "published"])
def test_null_keys_and_times_are_counted(column: str, store: Store, tmp_path: Path) -> None:
    """A row must say what it is, and when."""
    frame = rows(5).with_columns(pl.when(pl.col("flight") > 2).then(pl.col(column)).alias(column))
    frame.write_parquet(tmp_path / "flights.parquet")
    assert refused(store, tmp_path, "has nulls").value == {column: 3}


def test_two_different_rows_in_one_place_are_refused(store: Store, tmp_path: Path) -> None:
    """Which of two rows with the same key, known and event time is right cannot be known."""
    twice = pl.concat([rows(5), rows(2).with_columns(tail=pl.lit("N9"))])
    twice.write_parquet(tmp_path / "flights.parquet")
    error = refused(store, tmp_path, "says different things of 2 keys")
    assert error.value == ["flight=0", "flight=1"]


def test_a_row_collected_twice_is_one_row(store: Store, tmp_path: Path) -> None:
    """Equal rows do not contradict each other."""
    version = taken(pl.concat([rows(5), rows(2)]), FLIGHTS, store, tmp_path, until=100)
    assert version.rows == 7


def test_column_names_may_be_any_text(store: Store, tmp_path: Path) -> None:
    """Names with spaces, dots, letters of any script, and even our own words are data."""
    names = ["größe", "東京", "a.b", "$x^", "label", "0:min", "rows", " "]
    frame = (
        rows(5)
        .with_columns(*(pl.lit(1.5).alias(name) for name in names))
        .rename({"flight": "flüge"})
    )
    table = Table("flights", "flights.parquet", key="flüge", event="departure", known="published")
    version = taken(frame, table, store, tmp_path, until=100)
    assert {column.name for column in version.columns} >= set(names)
    assert scan(version, store).collect().equals(frame)


@pytest.mark.parametrize("name", ["*", "^.*$"])
def test_a_name_that_is_a_pattern_is_refused(name: str, store: Store, tmp_path: Path) -> None:
    """Polars would take such a name for all columns, silently."""
    rows(5).rename({"tail": name}).write_parquet(tmp_path / "flights.parquet")
    assert refused(store, tmp_path, "takes for patterns").value == [name]


def test_zones_and_nanoseconds_become_utc_microseconds(store: Store, tmp_path: Path) -> None:
    """Times in any zone and unit are the same instants in UTC, rounded down to the microsecond."""
    frame = rows(5).with_columns(
        pl.col("published")
        .dt.convert_time_zone("America/New_York")
        .cast(pl.Datetime("ns", "America/New_York"))
    )
    version = taken(frame, FLIGHTS, store, tmp_path, until=3)
    seen = scan(version, store).collect()
    assert seen.schema["published"] == UTC
    assert seen["published"].to_list() == instants([0, 1, 2]).to_list()
