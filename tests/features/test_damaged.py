"""What cannot be read or written is one clear error, and the process lives on."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import polars as pl
import pytest

from lapwise.core.errors import CorruptError, NotFoundError, StorageFullError
from lapwise.features.model import FeatureView
from lapwise.features.online.backend import Writer
from lapwise.features.online.backends.lmdb import LmdbBackend
from lapwise.features.online.lookup import OnlineLookup
from lapwise.features.online.store import OnlineStore
from tests.features.places import start
from tests.features.test_tile import HOUR, MINUTE, SCHEMA, TABLE, WHO, check, rows, view_of

Work: TypeAlias = Callable[[OnlineStore, FeatureView, int], None]

KEYS = [number.to_bytes(4, "big") for number in range(2_000)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with some hundred pages."""
    folder = tmp_path / "online"
    backend = LmdbBackend.open(folder)
    backend.write(lambda writer: writer.load(b"", [(key, key * 50) for key in KEYS]))
    backend.close()
    return folder


def test_an_empty_file_is_as_if_there_were_none(folder: Path) -> None:
    (folder / "data.mdb").write_bytes(b"")
    with pytest.raises(NotFoundError, match="there is no online store"):
        LmdbBackend.open(folder, read_only=True)


def test_what_is_no_lmdb_file_is_told(folder: Path) -> None:
    (folder / "data.mdb").write_bytes(b"no such file" * 1_000)
    for read_only in (True, False):
        with pytest.raises(CorruptError, match="the online store is damaged") as caught:
            LmdbBackend.open(folder, read_only=read_only)
        assert "delete the folder" in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a file cannot be lengthened safely")
@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_was_cut_short_does_not_kill_who_reads_it(
    folder: Path, *, read_only: bool
) -> None:
    file = folder / "data.mdb"
    with file.open("r+b") as opened:
        opened.truncate(20_000)
    code = """
        from lapwise.core.errors import CorruptError
        try:
            backend = LmdbBackend.open(Path(sys.argv[1]), read_only=bool(sys.argv[2]))
            backend.read([number.to_bytes(4, "big") for number in range(2_000)])
        except CorruptError:
            print("told")
    """
    process = start(code, str(folder), "1" if read_only else "")
    assert process.communicate()[0] == "told\n"
    assert process.returncode == 0  # not a signal


def test_pages_of_zeros_are_told(folder: Path) -> None:
    file = folder / "data.mdb"
    content = file.read_bytes()
    file.write_bytes(content[:8192] + bytes(len(content) - 8192))
    backend = LmdbBackend.open(folder)
    with pytest.raises(CorruptError):
        backend.read(KEYS[:1])
    with pytest.raises(CorruptError):
        list(backend.scan(b""))
    with pytest.raises(CorruptError):
        backend.write(lambda writer: writer.put(b"a", b"b"))
    backend.close()


def test_a_full_disk_keeps_what_was_there_and_nothing_of_the_write(folder: Path) -> None:
    """A limit of the size of files stands for a full disk; it holds for a process of its own."""
    limit = (folder / "data.mdb").stat().st_size + 10_000
    code = f"""
        import resource
        from lapwise.core.errors import StorageFullError
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {resource.RLIM_INFINITY}))
        backend = LmdbBackend.open(Path(sys.argv[1]))
        try:
            backend.write(lambda writer: [writer.put(b"new" + bytes([n]), b"x" * 5_000) for n in range(99)])
        except StorageFullError as error:
            print(error.thing)
        print(backend.read([b"new\\0", bytes(4)]))
    """
    process = start(code, str(folder))
    told, read = process.communicate()[0].splitlines()
    assert told.endswith("nothing of this write was kept")
    assert read == f"[None, {KEYS[0] * 50!r}]"
    backend = LmdbBackend.open(folder)
    assert backend.read(KEYS) == [key * 50 for key in KEYS]
    backend.write(lambda writer: writer.put(b"a", b"b"))
    backend.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageFullError, match="cannot be made") as caught:
        LmdbBackend.open(tmp_path / "file" / "online")
    assert "online in [tool.lapwise]" in str(caught.value)


def spoil(store: OnlineStore, prefix: bytes, *, zeros: bool = False) -> None:
    """Cut all records of a kind short, or make zeros of them."""
    found = list(store.backend.scan(prefix))
    assert found

    def write(writer: Writer) -> None:
        for key, old in found:
            writer.put(key, bytes(len(old)) if zeros else old[: len(old) // 2])

    store.backend.write(write)


def look_up(store: OnlineStore, view: FeatureView, at: int) -> None:
    OnlineLookup([view], store, columns=[WHO]).look_up({"who": ["a"]}, at=at)


def correct(store: OnlineStore, view: FeatureView, at: int) -> None:
    """Push a correction of a row that is in a tile."""
    row = rows([100]).with_columns(x=pl.lit(-1.0), known=pl.lit(at).cast(SCHEMA["known"]))
    store.push(TABLE, row, [view])


@pytest.mark.parametrize(
    ("kind", "zeros", "work", "at"),
    [
        (b"e", False, look_up, 400 * MINUTE),
        (b"h", False, look_up, 380 * MINUTE),
        (b"h", True, look_up, 380 * MINUTE),
        (b"d", False, look_up, 64 * HOUR + 90 * MINUTE),  # a window begins within the tile
        (b"r", False, correct, 401 * MINUTE),
        (b"k", False, correct, 401 * MINUTE),
    ],
)
def test_a_record_that_was_cut_short_is_told_with_what_mends_it(
    tmp_path: Path, kind: bytes, work: Work, at: int, *, zeros: bool
) -> None:
    view, tables = view_of(None), {TABLE.name: rows(range(400)).lazy()}
    with OnlineStore.open(tmp_path / "online", keep="30m") as store:
        store.materialize([view], tables, at=400 * MINUTE)
        state = store.state(view)
        assert state is not None
        spoil(store, state.number.to_bytes(4, "big") + kind, zeros=zeros)
        with pytest.raises(CorruptError, match="a record of the online store is damaged") as caught:
            work(store, view, at)
        assert "materialize --fresh" in str(caught.value)
        store.materialize([view], tables, at=400 * MINUTE, fresh=True)
        check(store, view, rows(range(400)), 400 * MINUTE)


def test_a_state_that_was_cut_short_is_told(tmp_path: Path) -> None:
    view = view_of(None)
    with OnlineStore.open(tmp_path / "online") as store:
        store.materialize([view], {TABLE.name: rows(range(9)).lazy()}, at=400 * MINUTE)
        spoil(store, b"v")
        with pytest.raises(CorruptError, match="keeps of a view is damaged"):
            store.stats()
        with pytest.raises(CorruptError, match="keeps of a view is damaged"):
            look_up(store, view, 400 * MINUTE)
