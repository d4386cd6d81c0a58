"""Two projects on one Redis server: none reads or writes the rows of the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from lapwise.core.errors import ConflictError
from lapwise.loop.listing import describe_page
from lapwise.loop.online import look_up, materialize_online, push_file
from tests.loop.test_online import ORDER
from tests.loop.worlds import World, make_world
from tests.redis_server import RedisServer


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A server that two projects know of."""
    server = RedisServer().start()
    yield server
    server.close()


@pytest.fixture
def other(tmp_path: Path) -> World:
    """The same page over another table: all views have the same digests."""
    made = make_world(tmp_path / "other")
    path = made.root / "data" / "outcomes.parquet"
    pl.read_parquet(path).head(100).write_parquet(path)
    return made


def materialize(world: World) -> int:
    with world.workshop() as opened:
        return materialize_online(opened, world.loop(), fresh=True).rows


def vector(world: World) -> dict[str, object]:
    with world.workshop() as opened:
        return look_up(opened, world.loop(), ORDER).features


def test_a_space_is_of_one_project(
    tmp_path: Path, other: World, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(tmp_path / "world")
    monkeypatch.setenv("LAPWISE_ONLINE", redis.url)
    with other.workshop() as opened:  # of a space that is nobody's it may be known that it is empty
        assert describe_page(opened, other.loop(), now=0)[0].freshness is None
    materialize(world)
    before = vector(world)
    rows = other.root / "data" / "outcomes.parquet"
    with other.workshop() as opened:
        for attempt in (
            lambda: materialize_online(opened, other.loop(), fresh=True),
            lambda: push_file(opened, other.loop(), "outcomes", rows),
            lambda: look_up(opened, other.loop(), ORDER),
            lambda: describe_page(opened, other.loop(), now=0),
        ):
            with pytest.raises(ConflictError, match="another project") as caught:
                attempt()
            assert "?space=" in str(caught.value)
    assert vector(world) == before

    monkeypatch.setenv("LAPWISE_ONLINE", f"{redis.url}?space=other")
    materialize(other)
    assert vector(other) != before


def test_a_server_that_was_emptied_is_nobodys(
    tmp_path: Path, other: World, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAPWISE_ONLINE", redis.url)
    materialize(make_world(tmp_path / "world"))
    redis.ask("FLUSHALL")
    assert materialize(other) > 0
    assert materialize(other) > 0
