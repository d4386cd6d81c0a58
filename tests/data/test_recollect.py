"""Known content that changes quietly is refused until accepted."""

from pathlib import Path

import polars as pl
import pytest

from lapwise.core.errors import RecollectedError
from lapwise.data.snapshot import snapshot
from lapwise.store.model import Store
from tests.data.worlds import (
    DAY,
    FLIGHTS,
    LATE,
    MANY,
    kept,
    months,
    rows,
    taken,
)


def test_a_new_file_is_an_append(store: Store, tmp_path: Path) -> None:
    """Files that come beside known ones are taken without asking, and known ones are shared."""
    months(tmp_path, rows(5))
    first = snapshot(MANY, store, root=tmp_path, watermark=LATE)
    months(tmp_path, rows(5), rows(5, 5))
    second = snapshot(MANY, store, root=tmp_path, watermark=LATE)
    assert second.number == 2
    assert second.parts[0].digest == first.parts[0].digest
    assert second.rows == 10


def test_a_changed_file_is_refused_until_accepted(store: Store, tmp_path: Path) -> None:
    """Known rows that changed under an old name are named and counted, and taken once accepted."""
    months(tmp_path, rows(5), rows(5, 5))
    snapshot(MANY, store, root=tmp_path, watermark=LATE)
    before = kept(store)
    changed = rows(5, 5).with_columns(
        tail=pl.when(pl.col("flight") == 7).then(pl.lit("N9")).otherwise("tail")
    )
    months(tmp_path, rows(5), changed)
    with pytest.raises(
        RecollectedError, match="1 are gone or changed and 1 are new or changed"
    ) as error:
        snapshot(MANY, store, root=tmp_path, watermark=LATE)
    assert error.value.value == "1.parquet"
    assert "--accept" in str(error.value)
    assert kept(store) == before
    second = snapshot(MANY, store, root=tmp_path, watermark=LATE, accept=True)
    assert second.number == 2
    assert snapshot(MANY, store, root=tmp_path, watermark=LATE + DAY) == second


def test_what_was_accepted_stays_accepted_when_it_goes_back(store: Store, tmp_path: Path) -> None:
    """Going back to the first content is a change too, asked for once and not again."""
    one, other = rows(5), rows(5).with_columns(tail=pl.lit("N9"))
    taken(one, FLIGHTS, store, tmp_path, until=100)
    taken(other, FLIGHTS, store, tmp_path, until=100, accept=True)
    with pytest.raises(RecollectedError):
        taken(one, FLIGHTS, store, tmp_path, until=100)
    assert taken(one, FLIGHTS, store, tmp_path, until=100, accept=True).number == 1
    assert taken(one, FLIGHTS, store, tmp_path, until=101).number == 1


def test_a_file_that_disappeared_is_refused(store: Store, tmp_path: Path) -> None:
    """Known rows that are gone are a change like any other."""
    months(tmp_path, rows(5), rows(5, 5))
    snapshot(MANY, store, root=tmp_path, watermark=LATE)
    (tmp_path / "months/1.parquet").unlink()
    with pytest.raises(RecollectedError, match="5 are gone") as error:
        snapshot(MANY, store, root=tmp_path, watermark=LATE)
    assert "1.parquet (gone)" in str(error.value)


def test_a_file_that_grew_is_an_append(store: Store, tmp_path: Path) -> None:
    """A file may grow, be sorted or split anew, as long as the rows known then are the same."""
    taken(rows(10), FLIGHTS, store, tmp_path, until=10)
    assert taken(rows(20), FLIGHTS, store, tmp_path, until=20).rows == 20
    assert taken(rows(20).reverse(), FLIGHTS, store, tmp_path, until=20).number == 3
    grown = rows(21).with_columns(
        tail=pl.when(pl.col("flight") == 3).then(pl.lit("?")).otherwise("tail")
    )
    with pytest.raises(RecollectedError):
        taken(grown, FLIGHTS, store, tmp_path, until=21)


def test_an_input_cut_off_is_no_change_for_an_earlier_watermark(
    store: Store, tmp_path: Path
) -> None:
    """Deleting what was known after a day leaves the reading of that day as it was."""
    taken(rows(20), FLIGHTS, store, tmp_path, until=20)
    cut = taken(rows(10), FLIGHTS, store, tmp_path, until=10)
    assert cut.rows == 10
    with pytest.raises(RecollectedError):
        taken(rows(9), FLIGHTS, store, tmp_path, until=10)


def test_a_duplicated_row_counts(store: Store, tmp_path: Path) -> None:
    """The same row twice is not the same content as once."""
    taken(rows(5), FLIGHTS, store, tmp_path, until=100)
    with pytest.raises(RecollectedError, match="0 are gone or changed and 1 are new"):
        taken(pl.concat([rows(5), rows(1)]), FLIGHTS, store, tmp_path, until=100)
