"""Processes are killed, and nothing that was answered is lost or counted twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import msgspec
import pytest

from lapwise.core.errors import ServingError
from lapwise.core.prediction import Fused
from lapwise.serving import bind, supervise
from tests.serving.running import Server, ask_until_answered, until
from tests.serving.toys import AT, carried, deployment, lay, toy

SECRET = "s3cret-valu3"


@pytest.mark.parametrize("workers", [1, 2])
def test_every_answered_request_is_in_the_log_once_though_workers_are_killed(
    tmp_path: Path, workers: int
) -> None:
    """Callers that send again after a broken connection lose nothing, and nothing counts twice."""
    lay(tmp_path, deployment(), toy(1))
    stop = threading.Event()
    given: dict[str, list[float]] = {}
    lock = threading.Lock()

    def ask(url: str, caller: int) -> None:
        turn = 0
        with httpx.Client(base_url=url, timeout=20) as client:
            while not stop.is_set():
                turn += 1
                name = f"{caller}-{turn}"
                body = msgspec.json.encode({"id": name, "inputs": carried(2)})
                answer, _ = ask_until_answered(client, body)
                assert answer.status_code == 200
                with lock:
                    given[name] = answer.json()["outputs"][0]["data"]

    with Server(tmp_path, workers=workers) as server:
        threads = [threading.Thread(target=ask, args=(server.url, i)) for i in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(4):
            time.sleep(0.5)
            kill_one(server)
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join()
        logged = Counter(one.request for one in server.answered())
        assert set(logged.values()) == {1}
        assert set(given) == set(logged)
        assert len(given) > 100


def kill_one(server: Server) -> None:
    """Kill a worker, and wait for the one that comes in its place."""
    before = server.pids("worker")
    os.kill(before[0], signal.SIGKILL)
    until(lambda: set(server.pids("worker")) - set(before), what="a new worker")


def test_a_canary_that_kills_its_workers_is_out(tmp_path: Path) -> None:
    """The caller who asks again is answered, by production in the end."""
    lay(tmp_path, deployment(canary="v2", weight=10_000), toy(1), toy(2, "exits"))
    with Server(tmp_path) as server:
        body = msgspec.json.encode({"id": "a", "inputs": carried()})
        answer, broken = ask_until_answered(server.client, body)
        assert broken == 3
        assert answer.json()["outputs"][-1]["data"] == ["production"]
        fused = [one for one in server.log() if isinstance(one, Fused)]
        assert [(one.version, one.revision) for one in fused] == [("v2", 1)]
        assert "3 workers died" in fused[0].reason


def test_in_a_replay_a_canary_that_kills_is_out_as_of_what_was_logged_last(tmp_path: Path) -> None:
    lay(tmp_path, deployment(), toy(1))
    with Server(tmp_path, replay=True) as server:
        server.outputs(carried(), id="before", parameters={"at": AT})
        lay(tmp_path, deployment(2, canary="v2", weight=10_000), toy(2, "exits"))
        server.follow(2)
        said = {"id": "a", "inputs": carried(), "parameters": {"at": AT + 1}}
        ask_until_answered(server.client, msgspec.json.encode(said))
        (fused,) = [one for one in server.log() if isinstance(one, Fused)]
        assert fused.at == AT


def test_a_killed_supervisor_takes_its_processes_along_and_a_new_one_goes_on(
    tmp_path: Path,
) -> None:
    lay(tmp_path, deployment(shadow="v2"), toy(1), toy(2))
    server = Server(tmp_path, workers=2)
    server.outputs(carried(), id="kept")
    first = server.ask(carried(), id="same").json()
    until(lambda: server.pids("shadow"))
    server.client.close()
    server.stop(signal.SIGKILL)
    until(lambda: not server.pids("worker") and not server.pids("shadow"), 5, "their end")
    lay(tmp_path, deployment(2, "v3"), toy(3))
    with Server(tmp_path) as again:
        # Though another version answers by now.
        assert again.outputs(carried(), id="new")["model_version"] == ["3"]
        assert again.ask(carried(), id="same").json()["outputs"] == first["outputs"]
        assert again.ask(carried(2), id="same").status_code == 409
        names = Counter(one.request for one in again.answered())
        assert names == {"kept": 1, "same": 1, "new": 1}


def test_sigterm_ends_everything_in_order(tmp_path: Path) -> None:
    lay(tmp_path, deployment(shadow="v2"), toy(1), toy(2, "spins"))
    with Server(tmp_path, workers=2) as server:
        server.outputs(carried())
        until(lambda: server.pids("shadow"))
        assert server.stop() == 0
        assert not server.pids("worker") + server.pids("shadow") + server.pids("supervise")


def test_answers_continue_when_nothing_but_the_folder_is_left(tmp_path: Path) -> None:
    """The snapshot folder may be copied elsewhere; it is all that a server needs."""
    (tmp_path / "a").mkdir()
    lay(tmp_path / "a", deployment(), toy(1))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shutil.rmtree(tmp_path / "a")
    with Server(tmp_path / "b") as server:
        assert server.outputs(carried())["model_version"] == ["1"]


def test_workers_that_never_come_up_are_an_error_in_the_end(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="end before they answer"):
        supervise(tmp_path, bind(), lambda _fd: [sys.executable, "-c", "raise SystemExit(1)"])


def test_another_process_that_lives_does_not_hide_that_no_worker_comes_up(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match="end before they answer"):
        supervise(
            tmp_path,
            bind(),
            lambda _fd: [sys.executable, "-c", "raise SystemExit(1)"],
            beside=[[sys.executable, "-c", "import time; time.sleep(600)"]],
        )


def test_a_supervisor_loads_neither_numpy_nor_polars() -> None:
    """It lives as long as the server does, and only starts processes."""
    code = (
        "import sys; from lapwise.serving import bind, supervise, tokens_for\n"
        "print({'numpy', 'polars', 'uvicorn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
