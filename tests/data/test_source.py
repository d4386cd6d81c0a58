"""Files that are missing, empty, unreadable or just written."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from lapwise.core.declaration import Table
from lapwise.core.errors import DataError
from lapwise.data.snapshot import snapshot
from lapwise.store.model import Store
from tests.data.worlds import (
    FLIGHTS,
    HOUR,
    LATE,
    MANY,
    months,
    refused,
    rows,
    taken,
)


def test_a_file_written_just_now_is_read_again(store: Store, tmp_path: Path) -> None:
    """A second write within the file system's tick, equal in size and time, is still noticed."""
    path = tmp_path / "flights.parquet"
    first = taken(rows(10), FLIGHTS, store, tmp_path, until=100)
    status = path.stat()
    other = rows(10).with_columns(tail=pl.lit("N9"))
    other.write_parquet(path)
    path.write_bytes(path.read_bytes()[: status.st_size].ljust(status.st_size, b"\0"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(DataError):
        snapshot(FLIGHTS, store, root=tmp_path, watermark=100 * HOUR)
    assert store.datasets.get("flights") == first


def test_an_empty_file_is_named(store: Store, tmp_path: Path) -> None:
    """A file of no bytes is an accident of collecting."""
    (tmp_path / "flights.parquet").touch()
    assert refused(store, tmp_path, "is empty").value == "flights.parquet"


def test_a_missing_file_says_where_it_was_sought(store: Store, tmp_path: Path) -> None:
    """A path that does not exist."""
    error = refused(store, tmp_path, "No such file")
    assert str(tmp_path / "flights.parquet") in error.expected


def test_a_glob_without_a_match_is_refused(store: Store, tmp_path: Path) -> None:
    """A folder with no file that fits."""
    (tmp_path / "months").mkdir()
    (tmp_path / "months/readme.txt").write_text("none yet")
    assert refused(store, tmp_path, "has no file", MANY).value == "months/*.parquet"


def test_a_glob_in_a_missing_folder_is_refused(store: Store, tmp_path: Path) -> None:
    """A glob that can match nothing says why."""
    refused(store, tmp_path, "No such file", MANY)


def test_a_folder_as_source_gets_its_glob(store: Store, tmp_path: Path) -> None:
    """A folder is not a file; the glob that is meant is in the error."""
    months(tmp_path, rows(5))
    table = Table("flights", "months", key="flight", event="departure", known="published")
    assert '"months/*.parquet"' in refused(store, tmp_path, "is a folder", table).fix


@contextmanager
def unprivileged() -> Iterator[None]:
    """Let permissions bind: root reads every folder, so act as nobody while the context is open."""
    root = sys.platform != "win32" and os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_folder_without_permission_says_so(store: Store, tmp_path: Path) -> None:
    """An unreadable folder is not an empty one."""
    months(tmp_path, rows(5))
    (tmp_path / "months").chmod(0)
    try:
        with unprivileged(), pytest.raises(DataError, match="Permission denied") as error:
            snapshot(MANY, store, root=tmp_path, watermark=LATE)
    finally:
        (tmp_path / "months").chmod(0o755)
    assert "chmod" in error.value.fix
