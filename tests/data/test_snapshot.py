"""Snapshots: what is kept and what is recalled."""

import os
import time
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lapwise.core.errors import DataError
from lapwise.data.read import scan
from lapwise.data.snapshot import snapshot
from lapwise.store.model import Store
from tests.data.worlds import FLIGHTS, HOUR, LATE, flights, kept, rows, taken


def test_a_version_says_what_the_table_held(store: Store, tmp_path: Path) -> None:
    """Files, columns, event range and statistics are those of the rows known before the watermark."""
    version = taken(rows(10), FLIGHTS, store, tmp_path, until=8)
    assert (version.number, version.rows, version.watermark) == (1, 8, 8 * HOUR)
    assert [(part.name, part.rows) for part in version.parts] == [("flights.parquet", 10)]
    assert (version.event_minimum, version.event_maximum) == (3 * HOUR, 10 * HOUR)
    assert version.columns[1].dtype == "Datetime(time_unit='us', time_zone='UTC')"
    flight = version.statistics[0]
    assert (flight.name, flight.nulls, flight.distinct, flight.mean) == ("flight", 0, 8, 3.5)
    assert store.datasets.get("flights") == version


def test_the_same_content_and_watermark_is_the_same_version(store: Store, tmp_path: Path) -> None:
    """A second snapshot of unchanged or rewritten equal bytes makes nothing new."""
    first = taken(rows(10), FLIGHTS, store, tmp_path, until=8)
    before = kept(store)
    assert snapshot(FLIGHTS, store, root=tmp_path, watermark=8 * HOUR) == first
    assert taken(rows(10), FLIGHTS, store, tmp_path, until=8) == first
    assert kept(store) == before
    assert snapshot(FLIGHTS, store, root=tmp_path, watermark=9 * HOUR).number == 2


@given(
    hours=st.lists(st.integers(0, 40), min_size=1, max_size=20, unique=True),
    until=st.integers(0, 45),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reading_the_past_is_reading_the_input_cut_off(
    hours: list[int], until: int, store: Store, tmp_path: Path
) -> None:
    """A version at a watermark has the rows that a file cut off there would have."""
    frame = flights([(at, float(hour), hour + 1.0, hour + 2.0) for at, hour in enumerate(hours)])
    version = taken(frame, FLIGHTS, store, tmp_path, until=until, accept=True)
    again = snapshot(FLIGHTS, store, root=tmp_path, watermark=until * HOUR, accept=True)
    seen = scan(version, store).collect()
    cut = frame.filter(pl.col("published").to_physical() < until * HOUR)
    assert seen.equals(cut)
    assert again == version
    assert version.rows == cut.height


# ── Built tables ────────────────────────────────────────────────────────────────────────────────


# ── Unfriendly input: one error, nothing kept ────────────────────────────────────────────────────


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_unchanged_file_costs_a_stat(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unchanged files are not read again; one whose time was put back after a change is."""
    path = tmp_path / "flights.parquet"
    rows(200_000).write_parquet(path)
    time.sleep(2.1)  # what was written just now is not trusted to a stat
    started = time.perf_counter()
    first = snapshot(FLIGHTS, store, root=tmp_path, watermark=LATE)
    assert time.perf_counter() - started < 5  # about 0.3 s on a quiet machine
    spent = []
    with monkeypatch.context() as blind:
        blind.setattr("lapwise.data.collect.digest_file", None)  # nothing can be read
        for _ in range(20):
            started = time.perf_counter()
            assert snapshot(FLIGHTS, store, root=tmp_path, watermark=LATE) == first
            spent.append(time.perf_counter() - started)
    assert min(spent) < 0.02
    status = path.stat()
    path.write_bytes(b"x" * status.st_size)  # the same inode, size and time
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(DataError):
        snapshot(FLIGHTS, store, root=tmp_path, watermark=LATE)
