"""A server follows its deployment without a failed request, whatever comes."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import msgspec

from tests.serving.running import INFER, Server, until
from tests.serving.toys import carried, deployment, lay, toy

SECRET = "s3cret-valu3"


def test_no_request_fails_during_a_hundred_swaps(tmp_path: Path) -> None:
    lay(tmp_path, deployment(), toy(1))
    stop = threading.Event()
    statuses: Counter[int | str] = Counter()
    wrong: list[Any] = []

    def ask(url: str) -> None:
        with httpx.Client(base_url=url) as client:
            body = msgspec.json.encode({"inputs": carried(2)})
            while not stop.is_set():
                try:
                    answer = client.post(INFER, content=body)
                except httpx.HTTPError as error:
                    statuses[type(error).__name__] += 1
                    continue
                statuses[answer.status_code] += 1
                outputs = {one["name"]: one["data"] for one in answer.json()["outputs"]}
                number = int(outputs["model_version"][0])
                if abs(outputs["score"][0] - (0.1 + number / 100)) > 1e-9:
                    wrong.append(outputs)

    with Server(tmp_path) as server:
        threads = [threading.Thread(target=ask, args=(server.url,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for revision in range(2, 102):
            number = revision % 7 + 1
            lay(tmp_path, deployment(revision, f"v{number}"), toy(number))
            server.follow(revision)
        stop.set()
        for thread in threads:
            thread.join()
        assert set(statuses) == {200}
        assert not wrong
        revisions = {one.revision for one in server.answered()}
        assert len(revisions) > 50
        assert len(server.answered()) == statuses[200]


def test_a_version_that_cannot_be_loaded_leaves_the_old_one_answering(tmp_path: Path) -> None:
    lay(tmp_path, deployment(), toy(1))
    with Server(tmp_path) as server:
        lay(tmp_path, deployment(2, "v2"), toy(2, "unloadable"))
        told = until(lambda: (d := server.deployment())["error"] and d)
        assert told["error"] == "revision 2 cannot be served: the model's file is damaged"
        assert (told["revision"], told["wanted_revision"]) == (1, 2)
        assert SECRET not in str(told)
        assert server.outputs(carried())["model_version"] == ["1"]
        assert "lapwise_load_failures_total 1.0" in server.client.get("/metrics").text
        lay(tmp_path, deployment(3, "v3"), toy(3))
        server.follow(3)
        assert server.deployment()["error"] is None


def test_a_canary_that_cannot_be_loaded_does_not_keep_production_from_starting(
    tmp_path: Path,
) -> None:
    lay(tmp_path, deployment(canary="v2", weight=5_000), toy(1), toy(2, "unloadable"))
    with Server(tmp_path) as server:
        assert server.outputs(carried())["model_version"] == ["1"]
        assert "damaged" in server.deployment()["error"]


def test_without_a_deployment_the_answer_says_what_to_do(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        for path in ("/v2/health/ready", "/v2/models/flight-delay"):
            answer = server.client.get(path)
            assert answer.status_code == 503
        answer = server.ask(carried())
        assert answer.status_code == 503
        assert "lapwise approve" in answer.json()["error"]
        assert server.deployment()["revision"] == 0
        lay(tmp_path, deployment(), toy(1))
        server.follow(1)
        assert server.client.get("/v2/health/ready").json() == {"ready": True}
        assert server.outputs(carried())["model_version"] == ["1"]
