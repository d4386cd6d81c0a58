"""A product whose online features are on a Redis server: all that uses them, and when it is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis

from lapwise.loop.acting import decide_version
from lapwise.loop.online import look_up, materialize_online
from lapwise.loop.online_health import check_online
from lapwise.loop.project import find_project
from lapwise.loop.serve import ServerProcess
from lapwise.registry import approve
from tests.loop.test_online import ORDER
from tests.loop.test_serve import INFER, ask, body, outputs
from tests.loop.worlds import World
from tests.redis_server import RedisServer

PASSWORD = "s3cret-p@ss"


@pytest.fixture
def redis(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """A server with a password, named by the environment."""
    server = RedisServer(("--appendonly", "yes", "--requirepass", PASSWORD)).start()
    url = f"redis://:s3cret-p%40ss@127.0.0.1:{server.port}/0?space=returns"
    monkeypatch.setenv("LAPWISE_ONLINE", url)
    yield server
    server.close()


def command_lines(process: psutil.Process) -> str:
    """Return what everybody on the machine can read of a server's processes."""
    return " ".join(
        word for one in [process, *process.children(recursive=True)] for word in one.cmdline()
    )


def asked(url: str) -> tuple[int, Any, float]:
    """Ask for the same row; return status, answer and seconds."""
    started = time.monotonic()
    status, answer = ask(url + INFER, body())
    return status, answer, time.monotonic() - started


def test_a_product_lives_on_redis_and_outlives_its_absence(
    world: World, redis: RedisServer, capfd: pytest.CaptureFixture[str]
) -> None:
    project = find_project(world.root)
    with world.workshop() as opened:
        decide_version(opened, approve, "returns@v1", by="ada")
        materialize_online(opened, world.loop())
        assert look_up(opened, world.loop(), ORDER).features["customer_count"] > 0
    assert not (project.live / "features").exists()
    well = check_online(project)
    assert well.ok
    assert f"redis://127.0.0.1:{redis.port}/0 answers: Redis 6.2" in well.detail

    server = ServerProcess.start(project, "returns", replay=True)
    url = f"http://{server.address[0]}:{server.address[1]}"
    try:
        status, before, _ = asked(url)
        assert status == 200
        shown = command_lines(psutil.Process(server.process.pid))
        assert f"redis://127.0.0.1:{redis.port}/0" in shown
        assert "s3cret" not in shown

        redis.kill()
        refused = [asked(url) for _ in range(3)]
        for status, answer, seconds in refused:
            assert (status, "away" in answer["error"]) == (503, True)
            assert seconds < 10
        ill = check_online(project)
        assert not ill.ok
        assert "redis-cli" in ill.fix

        redis.start()
        status, after, _ = asked(url)
        assert status == 200
        assert outputs(after)["score"] == outputs(before)["score"]

        with Redis(port=redis.port, password=PASSWORD) as client:
            client.flushall()
        status, answer, _ = asked(url)
        assert (status, "never materialised" in answer["error"]) == (503, True)
        with world.workshop() as opened:
            materialize_online(opened, world.loop())
        status, after, _ = asked(url)
        assert outputs(after)["score"] == outputs(before)["score"]
    finally:
        server.stop()
    said = capfd.readouterr()
    for text in (said.out, said.err, str(well), str(ill), str(refused)):
        assert "s3cret" not in text
    written = [path for path in world.root.rglob("*") if path.is_file()]
    assert not [path for path in written if b"s3cret" in path.read_bytes()]


def test_the_doctor_tells_a_folder_from_none(world: World, tmp_path: Path) -> None:
    project = find_project(world.root)
    assert (check_online(project).ok, "yet" in check_online(project).detail) == (True, True)
    with world.workshop() as opened:
        materialize_online(opened, world.loop())
    assert (check_online(project).ok, "folder" in check_online(project).detail) == (True, True)
