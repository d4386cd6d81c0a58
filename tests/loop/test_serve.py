from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from lapwise.core.clock import MachineClock, parse_time
from lapwise.core.errors import NotFoundError, ServingError
from lapwise.loop.acting import decide_version
from lapwise.loop.logged import find_logged
from lapwise.loop.online import materialize_online
from lapwise.loop.project import find_project
from lapwise.loop.serve import ServerProcess, lay
from lapwise.registry import approve
from tests.loop.replays import make_product
from tests.loop.worlds import AS_OF, World

ROW = {
    "order_id": ["BYTES", "o1"],
    "customer": ["BYTES", "c007"],
    "shop": ["BYTES", "north"],
    "channel": ["BYTES", "web"],
    "amount": ["FP64", 12.5],
    "items": ["INT64", 2],
    "ordered_at": ["INT64", parse_time(AS_OF)],
}
INFER = "/v2/models/returns/infer"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    world = make_product(tmp_path_factory.mktemp("serve") / "a product")
    world.lap()
    with world.workshop() as opened:
        decide_version(opened, approve, "returns@v1", by="ada")
        materialize_online(opened, world.loop())
    server = ServerProcess.start(find_project(world.root), "returns", replay=True)
    try:
        yield world, f"http://{server.address[0]}:{server.address[1]}"
    finally:
        server.stop()


def body(**changes: Any) -> bytes:
    """Return an infer request for one row as of the world's end; None leaves an input out."""
    row = {**ROW, **changes}
    inputs = [
        {"name": name, "datatype": one[0], "shape": [1], "data": [one[1]]}
        for name, one in row.items()
        if one is not None
    ]
    return json.dumps({"parameters": {"at": parse_time(AS_OF)}, "inputs": inputs}).encode()


def ask(url: str, content: bytes | None = None) -> tuple[int, Any]:
    """Return status and decoded answer."""
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def outputs(answer: Any) -> dict[str, list[Any]]:
    return {one["name"]: one["data"] for one in answer["outputs"]}


def test_a_row_is_answered_looked_up_and_logged(served: tuple[World, str]) -> None:
    world, url = served
    status, answer = ask(url + INFER, body())
    assert status == 200
    given = outputs(answer)
    found = find_logged(find_project(world.root).live, given["prediction_id"][0])
    assert found is not None
    assert found.score == given["score"][0]
    assert found.inputs["customer"] == "c007"
    assert found.features["customer_count"] > 0  # type: ignore[operator]
    assert found.answer.arm == "production"


def test_a_label_finds_its_prediction(served: tuple[World, str]) -> None:
    world, url = served
    _, answer = ask(url + INFER, body())
    name = outputs(answer)["prediction_id"][0]
    label = {"prediction_id": name, "label": True, "at": parse_time(AS_OF) + 1}
    status, _ = ask(url + "/feedback", json.dumps(label).encode())
    assert status == 200
    found = find_logged(find_project(world.root).live, name)
    assert found is not None
    assert (found.label, found.labelled_at) == (True, parse_time(AS_OF) + 1)


@pytest.mark.parametrize(
    ("content", "status", "named"),
    [
        (b"{", 400, "JSON"),
        (b'{"inputs": 7}', 400, "inputs"),
        (body(customer=None), 400, "customer"),
        (body(amount=["FP64", float("nan")]), 400, "amount"),
        (body(items=["BYTES", "two"]), 400, "items"),
        (body().replace(b'"shape": [1]', b'"shape": [2]', 1), 400, "order_id"),
    ],
    ids=["malformed", "no inputs", "missing key", "NaN", "wrong type", "wrong shape"],
)
def test_a_bad_request_is_told_what_is_wrong_and_no_value(
    served: tuple[World, str], content: bytes, status: int, named: str
) -> None:
    found, answer = ask(served[1] + INFER, content)
    assert found == status
    assert named in answer["error"]
    assert "c007" not in answer["error"]
    assert "two" not in answer["error"]


def test_an_unknown_category_is_answered_and_counted(served: tuple[World, str]) -> None:
    _, url = served
    status, _ = ask(url + INFER, body(shop=["BYTES", "the moon"]))
    assert status == 200
    with urllib.request.urlopen(url + "/metrics", timeout=20) as response:
        metrics = response.read().decode()
    line = next(one for one in metrics.splitlines() if "unseen" in one and 'shop"' in one)
    assert float(line.rpartition(" ")[2]) >= 1


def test_an_unknown_model_is_not_found(served: tuple[World, str]) -> None:
    status, answer = ask(served[1] + "/v2/models/nothing/infer", body())
    assert status == 404
    assert "returns" in answer["error"]


def test_answers_go_on_while_the_database_is_away(served: tuple[World, str]) -> None:
    world, url = served
    database = world.root / ".lapwise" / "lapwise.db"
    away = [path for path in database.parent.glob("lapwise.db*") if path.is_file()]
    for path in away:
        path.rename(path.with_name(f"away-{path.name}"))
    try:
        for _ in range(20):
            assert ask(url + INFER, body())[0] == 200
        deployment = lay(find_project(world.root), "returns")  # a server may even start
        assert deployment.model == "returns"
    finally:
        for path in away:
            path.with_name(f"away-{path.name}").rename(path)


def test_a_killed_worker_comes_back_and_no_answer_is_lost(served: tuple[World, str]) -> None:
    world, url = served
    answered = []
    for turn in range(30):
        if turn == 10:
            for process in psutil.Process().children(recursive=True):
                if "lapwise.loop.worker" in process.cmdline():
                    process.kill()
        answered.append(outputs(ask_again(url + INFER, body()))["prediction_id"][0])
    live = find_project(world.root).live
    assert len(set(answered)) == 30
    assert all(find_logged(live, name) is not None for name in answered)


def ask_again(url: str, content: bytes) -> Any:
    """Ask as a client that tries again when its connection breaks."""
    clock = MachineClock()
    for _ in range(200):
        try:
            status, answer = ask(url, content)
        except OSError:
            clock.sleep(0.05)
            continue
        assert status == 200
        return answer
    raise AssertionError("nobody answers any more")


def test_nothing_in_production_says_what_to_do(tmp_path: Path) -> None:
    world = make_product(tmp_path / "none")
    with pytest.raises(NotFoundError, match="nothing has been kept"):
        lay(find_project(world.root), None)
    world.lap()
    with pytest.raises(ServingError, match="no version is in production") as caught:
        lay(find_project(world.root), None)
    assert "approve" in caught.value.fix


def test_the_command_serves_and_ends_in_order(served: tuple[World, str], tmp_path: Path) -> None:
    """In a copy, because a server begins the counts of its folder anew."""
    live = find_project(served[0].root).live
    shutil.copytree(served[0].root, tmp_path / "own", ignore=shutil.ignore_patterns(live.name))
    with command(World(tmp_path / "own"), "serve", "returns", "--port", "0") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = line.split(" answers at ")[1].split("/v2/")[0].strip()
        assert ask(url + "/v2")[0] == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0


def test_a_taken_port_is_named(served: tuple[World, str]) -> None:
    world, url = served
    port = url.rpartition(":")[2]
    with command(world, "serve", "returns", "--port", port) as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert port in errors
    assert "another port" in errors


def test_others_need_a_token(served: tuple[World, str]) -> None:
    world, _ = served
    with command(world, "serve", "returns", "--host", "0.0.0.0", "--port", "0") as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "LAPWISE_TOKEN" in errors


@contextmanager
def command(world: World, *words: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command in the project, and end it."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from lapwise.cli.main import main; main()", *words],
        cwd=world.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    try:
        with process:
            yield process
    finally:
        if process.poll() is None:
            process.kill()
