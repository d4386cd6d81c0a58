"""Built tables and CSV files become one Parquet file each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from lapwise.core.declaration import Table
from lapwise.core.digest import Digest, digest_bytes
from lapwise.core.errors import DataError, RecollectedError, StepError
from lapwise.core.model import DatasetVersion
from lapwise.data.read import scan
from lapwise.data.snapshot import snapshot
from lapwise.store.model import Store
from tests.data.worlds import HOUR, LATE, kept, months, refused, rows


@dataclass
class Fingerprint:
    """Names code by hand, and counts."""

    code: bytes = b"1"

    def __call__(self, function: Any) -> Digest:
        return digest_bytes(self.code)


def test_a_built_table_is_built_again_only_for_new_code_or_files(
    store: Store, tmp_path: Path
) -> None:
    """The build runs once for the same code and source files, and again when either changes."""
    calls: list[list[Path]] = []

    def build(paths: list[Path]) -> pl.LazyFrame:
        calls.append(paths)
        return pl.scan_parquet(paths).with_columns(tail=pl.col("tail").str.to_lowercase())

    table = Table(
        "clean", "months/*.parquet", key="flight", event="departure", known="published", build=build
    )
    months(tmp_path, rows(5))
    code = Fingerprint()

    def take(until: int) -> DatasetVersion:
        return snapshot(table, store, root=tmp_path, watermark=until * HOUR, fingerprint=code)

    first = take(100)
    assert calls == [[tmp_path / "months/0.parquet"]]
    assert [part.name for part in first.parts] == ["clean.parquet"]
    assert scan(first, store).select("tail").head(1).collect().item() == "n0"
    assert take(100) == first
    assert len(calls) == 1
    assert take(101) == first
    assert len(calls) == 1
    code.code = b"2"
    assert take(100) == first
    assert len(calls) == 2
    months(tmp_path, rows(5), rows(5, 200))
    assert take(100).number == 2
    assert len(calls) == 3


def test_a_build_without_a_source_is_run_each_time(store: Store, tmp_path: Path) -> None:
    """Nothing says what such a function reads, so its last result is not trusted."""
    world = [rows(5)]
    table = Table(
        "made", key="flight", event="departure", known="published", build=lambda: world[0]
    )
    code = Fingerprint()
    first = snapshot(table, store, root=tmp_path, watermark=LATE, fingerprint=code)
    assert snapshot(table, store, root=tmp_path, watermark=LATE, fingerprint=code) == first
    world[0] = rows(5).with_columns(tail=pl.lit("N9"))
    with pytest.raises(RecollectedError):
        snapshot(table, store, root=tmp_path, watermark=LATE, fingerprint=code)


def test_equal_rows_in_another_order_build_the_same_version(store: Store, tmp_path: Path) -> None:
    """A built table is sorted by known, event and key, so that a shuffled build is no change."""
    world = [rows(50)]
    table = Table(
        "made", key="flight", event="departure", known="published", build=lambda: world[0]
    )
    first = snapshot(table, store, root=tmp_path, watermark=LATE)
    world[0] = rows(50).sample(fraction=1, shuffle=True, seed=3)
    assert snapshot(table, store, root=tmp_path, watermark=LATE) == first


def test_a_build_that_raises_names_the_function(store: Store, tmp_path: Path) -> None:
    """The user's exception is the cause, and nothing is kept."""

    def build() -> pl.DataFrame:
        raise ZeroDivisionError("by zero")

    table = Table("made", key="flight", event="departure", build=build)
    with pytest.raises(
        StepError, match="build function of table 'made' raised ZeroDivisionError"
    ) as error:
        snapshot(table, store, root=tmp_path, watermark=LATE)
    assert isinstance(error.value.__cause__, ZeroDivisionError)
    assert kept(store) == (0, 0)


def test_a_build_that_gives_no_frame_is_refused(store: Store, tmp_path: Path) -> None:
    """A list of rows is not a frame."""
    table = Table("made", key="flight", event="departure", build=lambda: [1])
    with pytest.raises(DataError, match="returned no frame: 'list'"):
        snapshot(table, store, root=tmp_path, watermark=LATE)


def test_a_file_of_another_kind_is_refused(store: Store, tmp_path: Path) -> None:
    """Only Parquet and CSV are read; a build function reads the rest."""
    (tmp_path / "flights.xlsx").write_bytes(b"PK")
    table = Table("flights", "flights.xlsx", key="flight", event="departure")
    assert "build=" in refused(store, tmp_path, "of a kind that is not read", table).fix


def test_csv_is_kept_as_parquet(store: Store, tmp_path: Path) -> None:
    """A CSV file with zones in its times reads as the frame that was written."""
    table = Table("flights", "*.csv", key="flight", event="departure", known="published")
    rows(5).write_csv(tmp_path / "a.csv", datetime_format="%Y-%m-%dT%H:%M:%SZ")
    version = snapshot(table, store, root=tmp_path, watermark=LATE)
    assert scan(version, store).collect().equals(rows(5))
    assert snapshot(table, store, root=tmp_path, watermark=LATE) == version


def test_a_ragged_csv_is_refused(store: Store, tmp_path: Path) -> None:
    """A line with too many fields is named with its file."""
    table = Table("flights", "*.csv", key="flight", event="departure", known="published")
    (tmp_path / "a.csv").write_text("flight,departure\n1,2013-01-01T00:00:00Z\n2,3,4\n")
    assert refused(store, tmp_path, "cannot be read", table).value == "a.csv"
