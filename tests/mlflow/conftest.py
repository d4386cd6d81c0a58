"""MLflow's real client against a real server, once on SQLite and once on PostgreSQL.

Server and client are started once for all tests of a worker; each test has an experiment of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from lapwise.core.ids import new_id
from lapwise.store.model import Store
from lapwise.store.open import open_database, open_store
from tests.mlflow.driving import Client, Server, client_of, server_of
from tests.mlflow.wiring import Wire
from tests.store import servers

collect_ignore = ["past.py"]  # run by MLflow's own interpreter: it imports what is not here


@pytest.fixture(scope="session")
def sqlite_server(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mlflow")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    with server_of(f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs", folder) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mlflow")
    with servers.postgresql() as url:
        servers.make_database(url, "mlflow", "template1")
        store = servers.in_database(url, "mlflow")
        open_database(store).close()
        with server_of(store, f"{folder}/blobs", folder) as server:
            yield server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Server:
    """A running server; tests that take it run on both databases."""
    found: Server = request.getfixturevalue(f"{request.param}_server")
    return found


@pytest.fixture(scope="session")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The real client, told where the server is."""
    with client_of(server.url, tmp_path_factory.mktemp("client")) as client:
        yield client


@pytest.fixture
def experiment() -> str:
    """A name that no other test has."""
    return f"experiment {new_id()}"


@pytest.fixture
def kept(server: Server) -> Iterator[Store]:
    """The store behind the server, as Lapwise itself sees it."""
    with open_store(server.store, server.blobs) as store:
        yield store


@pytest.fixture
def wire(sqlite_server: Server) -> Iterator[httpx.Client]:
    """Plain HTTP to a server on SQLite."""
    with httpx.Client(base_url=sqlite_server.url, timeout=30) as client:
        yield client


@pytest.fixture
def calls(wire: httpx.Client) -> Wire:
    """Calls to a server on SQLite, each with the status that it must have."""
    return Wire(wire)
