"""Opening: fast when the database is there, made whole when not, refused when not ours."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from lapwise.core.errors import (
    CorruptError,
    DeclarationError,
    SchemaError,
    StorageFullError,
    StoreError,
)
from lapwise.store.database import connect
from lapwise.store.migrate import migrate, revision, upgrade
from lapwise.store.open import open_store
from lapwise.store.schema import HEAD, metadata
from tests.store.conftest import Place

FAST = """
import sys, time
from lapwise.store.open import open_store
best = 9.0
for _ in range(3):
    start = time.process_time()
    open_store(sys.argv[1], sys.argv[2]).close()
    best = min(best, time.process_time() - start)
assert "alembic" not in sys.modules
assert "obstore" not in sys.modules
print(best)
"""


def test_opening_an_existing_store_is_fast(sqlite_place: Place) -> None:
    """Less than 60 ms of processor time beyond imports, and neither Alembic nor obstore is loaded."""
    sqlite_place.open().close()
    done = subprocess.run(
        [sys.executable, "-c", FAST, sqlite_place.url, sqlite_place.blobs],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert float(done.stdout) < 0.06


def test_importing_the_room_loads_no_sql() -> None:
    """`lapwise.store` is a name until something of it is used."""
    code = "import sys, lapwise.store; assert 'sqlalchemy' not in sys.modules; lapwise.store.Store"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_empty_place_becomes_a_store(empty_place: Place) -> None:
    """At the head, with nothing left beside it."""
    empty_place.open().close()
    database = connect(empty_place.url)
    assert revision(database) == HEAD
    if database.is_sqlite:
        with database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    database.close()
    upgrade(empty_place.url)
    empty_place.open().close()


def test_only_the_database_and_its_lock_are_made(tmp_path: Path) -> None:
    """The name under which it was made is gone."""
    Place(f"sqlite:///{tmp_path}/a b/lapwise.db", f"{tmp_path}/blobs").open().close()
    assert sorted(path.name for path in (tmp_path / "a b").iterdir()) == [
        "lapwise.db",
        "lapwise.db.lock",
    ]


def test_migrations_make_what_the_tables_say(place: Place) -> None:
    """The migrated database and schema.py do not differ."""
    database = connect(place.url)
    with database.read() as connection:
        found = compare_metadata(MigrationContext.configure(connection), metadata)
    database.close()
    assert found == []


def test_sqlite_is_opened_for_safety(sqlite_place: Place) -> None:
    """Full syncs and foreign keys hold on every connection."""
    database = connect(sqlite_place.url)
    with database.write() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    database.close()


def test_a_newer_database_is_refused_untouched(place: Place) -> None:
    """The error says that it is newer and what to do; upgrading is refused too."""
    database = connect(place.url)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match="newer") as caught:
        place.open()
    assert "pip install --upgrade lapwise" in caught.value.fix
    with pytest.raises(SchemaError, match="newer"):
        upgrade(place.url)
    assert revision(database) == "9999"
    database.close()


def test_an_older_database_is_upgraded_on_request_only(empty_place: Place) -> None:
    """Opening says how; `upgrade` does it and keeps the rows."""
    database = connect(empty_place.url)
    if database.is_sqlite:
        Path(empty_place.url.partition("///")[2]).parent.mkdir()
    with database.write() as connection:
        migrate(connection, "0001")
        connection.execute(text("INSERT INTO metric_key (name) VALUES ('auc')"))
    with pytest.raises(SchemaError, match="older") as caught:
        empty_place.open()
    assert "lapwise db upgrade" in caught.value.fix
    assert upgrade(empty_place.url) == ("0001", HEAD)
    assert upgrade(empty_place.url) == (HEAD, HEAD)
    with database.read() as connection:
        assert connection.execute(text("SELECT name FROM metric_key")).scalar() == "auc"
    database.close()
    empty_place.open().close()


def test_somebody_elses_database_is_not_touched(tmp_path: Path) -> None:
    """A SQLite file with other tables is refused."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (id)")
    connection.close()
    before = path.read_bytes()
    for act in (lambda: open_store(f"sqlite:///{path}", "b"), lambda: upgrade(f"sqlite:///{path}")):
        with pytest.raises(SchemaError, match="theirs"):
            act()
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_corrupt(tmp_path: Path) -> None:
    """It is named as damaged, and stays as it is."""
    path = tmp_path / "lapwise.db"
    path.write_bytes(b"this is no database " * 100)
    with pytest.raises(CorruptError):
        open_store(f"sqlite:///{path}", "b")
    assert path.read_bytes().startswith(b"this is no")


def test_a_damaged_page_is_corrupt(sqlite_place: Place) -> None:
    """Reading it is one clear error without SQL."""
    path = Path(sqlite_place.url.partition("///")[2])
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(CorruptError) as caught:
        sqlite_place.open()
    assert "SELECT" not in str(caught.value)


def test_a_write_ahead_log_of_a_deleted_database_is_not_replayed(tmp_path: Path) -> None:
    """What a removed database left beside it does not get into the new one."""
    url, path = f"sqlite:///{tmp_path}/lapwise.db", tmp_path / "lapwise.db"
    other = sqlite3.connect(tmp_path / "old.db")
    other.execute("PRAGMA journal_mode=WAL")
    other.execute("CREATE TABLE theirs (id)")
    other.commit()
    (tmp_path / "lapwise.db-wal").write_bytes((tmp_path / "old.db-wal").read_bytes())
    other.close()
    open_store(url, f"{tmp_path}/blobs").close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.parametrize(
    "url", ["mysql://host/db", "lapwise.db", "sqlite://", "sqlite:///:memory:", "", "://"]
)
def test_a_url_of_no_known_kind_is_refused(url: str, tmp_path: Path) -> None:
    """With the two kinds that are known."""
    with pytest.raises(DeclarationError, match="sqlite:///"):
        open_store(url, str(tmp_path))
    with pytest.raises(DeclarationError, match="s3://"):
        open_store("sqlite:///x.db", "ftp://x/y")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_does_not_answer_leaks_no_password() -> None:
    """The error shows neither the password nor SQL."""
    with pytest.raises(StoreError) as caught:
        open_store("postgresql://ada:secret@127.0.0.1:1/x?connect_timeout=2", "b")
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


FULL = """
import resource, sys
from lapwise.core.errors import StorageFullError
from lapwise.store.open import open_store
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
try:
    open_store(sys.argv[1], sys.argv[2])
except StorageFullError as error:
    print(error)
"""


def test_a_full_disk_leaves_no_half_database(tmp_path: Path) -> None:
    """Creation stops with one error, and nothing is left but the lock."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL, f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/b"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "cannot be written" in done.stdout, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["lapwise.db.lock"]


WRITE_FULL = """
import os, resource, sys
from lapwise.core.errors import StorageFullError
from lapwise.core.model import Tag
from lapwise.store.open import open_store
from tests.store import making
with open_store(sys.argv[1], sys.argv[2]) as store:
    run = store.runs.create(making.run())
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    try:
        store.runs.log(run.id, tags=[Tag(name="t", value="x" * 1_000_000)])
    except StorageFullError as error:
        print(error)
"""


def test_a_full_disk_stops_a_write_whole(sqlite_place: Place) -> None:
    """The transaction is undone and the store goes on."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", WRITE_FULL, sqlite_place.url, sqlite_place.blobs],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "cannot be written" in done.stdout, done.stderr
    with sqlite_place.open() as store:
        run = store.runs.get("1")
        assert store.runs.tags([run.id]) == {run.id: ()}


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFullError, match="file"):
        open_store(f"sqlite:///{tmp_path}/file/lapwise.db", f"{tmp_path}/b")
