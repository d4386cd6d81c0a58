"""Where an online store may be: a folder, or a space of a Redis server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from lapwise.features.online.backend import Backend
from tests.features.places import open_place
from tests.redis_server import RedisServer


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """A Redis server that logs its writes."""
    running = RedisServer(("--appendonly", "yes")).start()
    yield running
    running.close()


@pytest.fixture(params=["lmdb", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store is that nobody has used: a folder, or a space of a server."""
    if request.param == "lmdb":
        return str(tmp_path / "features")
    running: RedisServer = request.getfixturevalue("redis")
    return f"{running.url}?space={uuid.uuid4().hex}"


@pytest.fixture
def backend(place: str) -> Iterator[Backend]:
    """The store, open."""
    opened = open_place(place)
    yield opened
    opened.close()
