"""What changed between two versions."""

from pathlib import Path

import msgspec
import polars as pl
import pytest

from lapwise.core.errors import DataError
from lapwise.data.diff import diff
from lapwise.store.model import Store
from tests.data.worlds import ARRIVALS, FLIGHTS, arrivals, flights, taken


def test_rows_columns_and_files_are_told_apart(store: Store, tmp_path: Path) -> None:
    """Rows that came, went and changed are counted by key, with at most five keys of each."""
    one = arrivals([(n, 1, 2, float(n)) for n in range(10)])
    other = arrivals([(n, 1, 2, n + (100.0 if n < 8 else 0)) for n in range(2, 13)])
    other = other.with_columns(gate=pl.lit("A"))
    old = taken(one, ARRIVALS, store, tmp_path, until=100)
    new = taken(other, ARRIVALS, store, tmp_path, until=100, accept=True)
    found = diff(old, new, store)
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (3, 2, 6)
    assert found.added_examples == ("flight=10", "flight=11", "flight=12")
    assert len(found.changed_examples) == 5
    assert [(column.name, column.old, column.new) for column in found.columns] == [
        ("gate", "", "String")
    ]
    assert found.files_changed == ("arrivals.parquet",)
    shifts = {shift.name: shift.shift for shift in found.shifts}
    assert shifts["delay"] is not None
    assert shifts["delay"] > 10


def test_a_correction_is_a_changed_row(store: Store, tmp_path: Path) -> None:
    """A later known row of a key changes that key, and adds none."""
    frame = arrivals([(1, 1, 2, 5.0), (2, 1, 2, 5.0), (1, 1, 9, 50.0)])
    old = taken(frame, ARRIVALS, store, tmp_path, until=9)
    new = taken(frame, ARRIVALS, store, tmp_path, until=10)
    found = diff(old, new, store)
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (0, 0, 1)
    assert found.changed_examples == ("flight=1",)
    assert found.files_changed == ()


def test_a_version_does_not_differ_from_itself(store: Store, tmp_path: Path) -> None:
    """Comparing a version with itself finds nothing."""
    version = taken(arrivals([(1, 1, 2, 5.0)]), ARRIVALS, store, tmp_path, until=9)
    found = diff(version, version, store)
    assert (found.rows_added, found.rows_removed, found.rows_changed) == (0, 0, 0)
    assert (found.columns, found.shifts, found.files_added) == ((), (), ())


def test_versions_of_different_tables_are_not_compared(store: Store, tmp_path: Path) -> None:
    """Neither other tables nor other keys can be compared row by row."""
    one = taken(arrivals([(1, 1, 2, 5.0)]), ARRIVALS, store, tmp_path, until=9)
    other = taken(flights([(1, 1, 2, 3)]), FLIGHTS, store, tmp_path, until=9)
    with pytest.raises(DataError, match="only versions of one table"):
        diff(one, other, store)
    with pytest.raises(DataError, match="only versions of one table"):
        diff(one, msgspec.structs.replace(one, key=("delay",)), store)
