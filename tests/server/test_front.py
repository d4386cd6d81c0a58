"""Everything on one port: predictions and pages, each by its own application; ``lapwise up``."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from lapwise.server.front import Front
from tests.loop.present import (
    ask,
    await_that,
    command,
    ctrl_c,
    family,
    infer_body,
    left_of,
    make_present,
)
from tests.loop.worlds import World, forget, make_world


@pytest.mark.parametrize(
    ("path", "who"),
    [
        ("/", "pages"),
        ("/models/returns", "pages"),
        ("/api/v1/models", "pages"),
        ("/static/lapwise.css", "pages"),
        ("/v2", "inference"),
        ("/v2/", "inference"),
        ("/v2/models/returns/infer", "inference"),
        ("/v2/health/ready", "inference"),
        ("/feedback", "inference"),
        ("/metrics", "inference"),
        ("/deployment", "inference"),
        ("/v2x", "pages"),
        ("/v21/models", "pages"),
        ("/metricsx", "pages"),
    ],
)
def test_each_path_has_its_application(path: str, who: str) -> None:
    assert sent({"type": "http", "path": path}) == [who]


def test_the_lifespan_is_the_inference_applications() -> None:
    assert sent({"type": "lifespan"}) == ["inference"]


def sent(scope: MutableMapping[str, Any]) -> list[str]:
    """Return which application a connection came to."""
    came: list[str] = []

    def application(name: str) -> Any:
        async def app(_scope: Any, _receive: Any, _send: Any) -> None:
            came.append(name)

        return app

    front: Any = Front(application("inference"), application("pages"))
    asyncio.run(front(scope, None, None))
    return came


@pytest.fixture(scope="module")
def _present(tmp_path_factory: pytest.TempPathFactory) -> Path:
    world = make_present(tmp_path_factory.mktemp("up") / "returns")
    forget()
    return world.root


@pytest.fixture
def present(tmp_path: Path, _present: Path) -> World:
    shutil.copytree(_present, tmp_path / "returns")
    return World(tmp_path / "returns")


@contextmanager
def up(world: World, *words: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``lapwise up`` on a free port; give the process and its address."""
    with command(world, "up", "--port", "0", *words) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        if found is None:
            process.kill()
            raise AssertionError(line + process.communicate()[1])
        yield process, found[0]


def test_pages_predictions_and_the_watcher_run_on_one_port(present: World) -> None:
    with up(present) as (process, url):
        status, page = ask(url + "/")
        assert status == 200
        assert b"returns" in page
        assert b"<html" in page
        status, models = ask(url + "/api/v1/versions")
        assert status == 200
        assert json.loads(models)
        infer = url + "/v2/models/returns/infer"
        status, answer = await_that(lambda: only_200(infer))
        names = {one["name"] for one in json.loads(answer)["outputs"]}
        assert "score" in names
        assert ask(url + "/metrics")[0] == 200
        assert json.loads(ask(url + "/deployment")[1])["revision"] == 1
        assert ask(url + "/v2/models/nothing/infer", infer_body("x"))[0] == 404
        assert ask(url + "/nowhere")[0] == 404
        children = family(process)
        words = [" ".join(one.cmdline()) for one in children]
        assert sum("lapwise.server.front" in one for one in words) == 1
        assert sum("lapwise.loop.watching" in one for one in words) == 1
        ctrl_c(process)
        out, err = process.communicate(timeout=40)
        assert process.returncode == 0, err
        assert "Traceback" not in out + err, err
        assert left_of(children) == []


def only_200(url: str) -> tuple[int, bytes] | None:
    status, answer = ask(url, infer_body("up"))
    return (status, answer) if status == 200 else None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_of_what_it_started(present: World, number: signal.Signals) -> None:
    with up(present) as (process, _):
        children = await_that(lambda: both(process))
        process.send_signal(number)
        process.wait(40)
        assert left_of(children) == []


def both(process: subprocess.Popen[str]) -> list[psutil.Process] | None:
    found = family(process)
    return found if len(found) >= 2 else None


def test_what_dies_is_started_again(present: World) -> None:
    with up(present) as (process, url):
        before = await_that(lambda: both(process))
        for one in before:
            one.kill()
        psutil.wait_procs(before, timeout=10)
        assert await_that(lambda: ask(url + "/")[0]) == 200
        after = await_that(lambda: both(process))
        assert {one.pid for one in after}.isdisjoint({one.pid for one in before})


def test_without_the_watcher_there_is_none(present: World) -> None:
    with up(present, "--no-watch") as (process, url):
        assert ask(url + "/")[0] == 200
        words = [" ".join(one.cmdline()) for one in family(process)]
        assert not [one for one in words if "watching" in one]


def test_a_product_that_never_went_round_is_shown_and_says_what_is_missing(tmp_path: Path) -> None:
    world = make_world(tmp_path / "fresh")
    with up(world, "--no-watch") as (_, url):
        status, page = ask(url + "/")
        assert status == 200
        assert b"lapwise lap" in page
        status, answer = ask(url + "/v2/models/returns/infer", infer_body("x"))
        assert status in (404, 503)
        assert "approve" in answer.decode()


def test_a_taken_port_is_named(present: World) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        with command(present, "up", "--port", port) as process:
            _, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert port in err
    assert "another port" in err
    assert "Traceback" not in err
