"""One server with login for all attacks of a worker, on a store with two products, and tokens of both."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lapwise.store.open import open_database, open_store
from tests.security.siege import Siege, besieged
from tests.store import servers


@pytest.fixture(scope="session")
def sqlite_siege(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[Siege]:
    folder = tmp_path_factory.mktemp("siege")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    place = f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs"
    with open_store(*place) as store, besieged(folder, store, place) as found:
        yield found


@pytest.fixture(scope="session")
def postgresql_siege(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Siege]:
    folder = tmp_path_factory.mktemp("siege")
    with servers.postgresql() as url:
        servers.make_database(url, "siege", "template1")
        place = servers.in_database(url, "siege"), f"{folder}/blobs"
        open_database(place[0]).close()
        with open_store(*place) as store, besieged(folder, store, place) as found:
            yield found


@pytest.fixture
def siege(sqlite_siege: Siege) -> Siege:
    """A server on SQLite."""
    return sqlite_siege


@pytest.fixture(params=["sqlite", "postgresql"])
def each_siege(request: pytest.FixtureRequest) -> Siege:
    """A server; tests that take it run on both databases."""
    found: Siege = request.getfixturevalue(f"{request.param}_siege")
    return found
