"""Each test that takes a `store` runs thrice: SQLite with local blobs, PostgreSQL with S3, remote.

Remote is a store over HTTP, from a server that has SQLite with local blobs.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lapwise.core.ids import new_id
from lapwise.store.model import Store
from lapwise.store.open import open_database, open_store
from tests.store import behind, servers


@dataclass(frozen=True)
class Place:
    """Where a store is."""

    url: str
    blobs: str

    def open(self) -> Store:
        return open_store(self.url, self.blobs)


@pytest.fixture(scope="session")
def s3_start() -> Iterator[Callable[[], str]]:
    with servers.s3() as ready:
        yield ready


@pytest.fixture(scope="session")
def postgresql(s3_start: object) -> Iterator[str]:
    """Asks for S3 only so that both start at the same time."""
    with servers.postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def s3(s3_start: Callable[[], str]) -> str:
    return s3_start()


@pytest.fixture
def s3_settings(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="session")
def postgresql_template(postgresql: str) -> str:
    """The name of a fresh database to copy."""
    servers.make_database(postgresql, "template", "template1")
    open_database(servers.in_database(postgresql, "template")).close()
    return "template"


@pytest.fixture
def sqlite_place(tmp_path: Path, sqlite_template: Path) -> Place:
    shutil.copy(sqlite_template, tmp_path / "lapwise.db")
    return Place(f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs")


@contextmanager
def of_postgresql(url: str, template: str) -> Iterator[Place]:
    """A database and a prefix of their own, for one test."""
    name = f"t_{new_id()}"
    servers.make_database(url, name, template)
    yield Place(servers.in_database(url, name), f"s3://{servers.BUCKET}/{name}")
    servers.drop_database(url, name)


@pytest.fixture
def postgresql_place(
    postgresql: str, postgresql_template: str, s3_settings: None
) -> Iterator[Place]:
    with of_postgresql(postgresql, postgresql_template) as place:
        yield place


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Where nothing is yet: no file, or a PostgreSQL database without a table."""
    if request.param == "sqlite":
        yield Place(f"sqlite:///{tmp_path}/new/lapwise.db", f"{tmp_path}/new/blobs")
        return
    request.getfixturevalue("s3_settings")
    with of_postgresql(request.getfixturevalue("postgresql"), "template1") as place:
        yield place


@dataclass(frozen=True)
class RemotePlace(Place):
    """Where a store is that a server has, and the server's address."""

    server: str

    def open(self) -> Store:
        return open_store(self.server, "")


@pytest.fixture(scope="session")
def server() -> Iterator[behind.Behind]:
    with behind.server() as running:
        yield running


@pytest.fixture
def remote_place(
    sqlite_place: Place,
    server: behind.Behind,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with sqlite_place.open() as store, server.serving(store) as address:
        yield RemotePlace(sqlite_place.url, sqlite_place.blobs, address)


# What is about the database itself, or about processes that write it, has no remote side.
_OF_THE_DATABASE = {"backup", "collect", "doctor", "killed", "open", "racing", "staging"}
# What says little about the wire, or asks thousands of times, is proven over it by `make prove`.
_LONG = {
    *(
        "alarms",
        "curve",
        "deployments",
        "events",
        "features",
        "logged_models",
        "metrics",
        "model_names",
    ),
    *("observations", "search", "webhooks"),
    "test_every_point_is_kept_exactly_and_in_order",
    "test_many_runs_are_read_in_one_call",
    "test_of_processes_that_create_one_wins",
    "test_of_processes_that_update_one_wins",
    "test_threads_that_try_again_lose_no_update",
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "place" in metafunc.fixturenames:
        kinds: list[object] = ["sqlite", "postgresql"]
        about = metafunc.module.__name__.rpartition("test_")[2]
        if about not in _OF_THE_DATABASE:
            is_long = about in _LONG or metafunc.function.__name__ in _LONG
            marks = (pytest.mark.prove,) if is_long else ()
            kinds.append(pytest.param("remote", marks=marks))
        metafunc.parametrize("place", kinds, indirect=True)


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with place.open() as store:
        yield store
