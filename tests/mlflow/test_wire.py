"""MLflow's API to the byte, over HTTP to a real server: codes, bodies, limits, and what is hostile."""

from __future__ import annotations

import functools
import operator
from typing import Any

import httpx
import pytest

from lapwise.store.open import open_store
from tests.mlflow.driving import Server
from tests.mlflow.wiring import FILES, V2, Wire


def test_a_run_looks_as_the_client_expects(calls: Wire, experiment: str) -> None:
    id = calls.post("experiments/create", name=experiment)["experiment_id"]
    made = calls.post(
        "runs/create",
        experiment_id=id,
        user_id="anna",
        start_time=1_700_000_000_123,
        tags=[{"key": "mlflow.runName", "value": "first"}],
        unknown={"fields": ["are", "passed over"]},
    )["run"]
    run = made["info"]["run_id"]
    assert made["info"] == {
        "run_id": run,
        "run_uuid": run,
        "run_name": "first",
        "experiment_id": id,
        "user_id": "anna",
        "status": "RUNNING",
        "start_time": 1_700_000_000_123,
        "artifact_uri": f"mlflow-artifacts:/{id}/{run}/artifacts",
        "lifecycle_stage": "active",
    }
    assert len(run) == 32
    assert "metrics" not in made["data"]
    assert (
        calls.post("runs/update", run_id=run, status="FINISHED", end_time=1_700_000_000_999)[
            "run_info"
        ]["end_time"]
        == 1_700_000_000_999
    )
    assert calls.get("runs/get", run_id=run)["run"]["info"]["status"] == "FINISHED"
    assert calls.get("artifacts/list", run_id=run) == {
        "root_uri": f"mlflow-artifacts:/{id}/{run}/artifacts"
    }


def test_numbers_are_numbers_and_those_that_are_none_are_texts(calls: Wire) -> None:
    run = calls.run()
    for step, value in enumerate(["NaN", "Infinity", "-Infinity", 0.1, "0.2", 3]):
        calls.post("runs/log-metric", run_id=run, key="m", value=value, timestamp=5, step=step)
    calls.post("runs/log-metric", run_uuid=run, key="m", value=1, timestamp="7", step="-2")
    found = calls.get("metrics/get-history", run_id=run, metric_key="m")["metrics"]
    assert [(one["step"], one["value"]) for one in found] == [
        *[(-2, 1.0), (0, "NaN"), (1, "Infinity"), (2, "-Infinity"), (3, 0.1), (4, 0.2), (5, 3.0)]
    ]
    assert found[0]["timestamp"] == 7


def test_a_request_that_is_sent_again_counts_once(calls: Wire) -> None:
    run = calls.run()
    points = [{"key": "m", "value": at, "timestamp": at, "step": at} for at in range(10)]
    for _ in range(3):
        calls.post("runs/log-metric", run_id=run, key="m", value=1, timestamp=99, step=99)
        calls.post(
            "runs/log-batch", run_id=run, metrics=points, params=[{"key": "p", "value": "1"}]
        )
    found = calls.get("metrics/get-history", run_id=run, metric_key="m")["metrics"]
    assert [one["step"] for one in found] == [*range(10), 99]


def test_history_comes_in_pages(calls: Wire) -> None:
    run = calls.run()
    points = [{"key": "m", "value": at, "timestamp": at, "step": at} for at in range(100)]
    calls.post("runs/log-batch", run_id=run, metrics=points)
    steps, token = [], ""
    while True:
        more = {"page_token": token} if token else {}
        page = calls.get("metrics/get-history", run_id=run, metric_key="m", max_results=33, **more)
        steps.append([one["step"] for one in page["metrics"]])
        token = page.get("next_page_token", "")
        if not token:
            break
    assert [len(one) for one in steps] == [33, 33, 33, 1]
    assert functools.reduce(operator.iadd, steps, []) == [*range(100)]
    other = calls.run()
    bulk = calls.get("metrics/get-history-bulk", run_id=[run, other], metric_key="m")["metrics"]
    assert len(bulk) == 100
    assert {one["run_id"] for one in bulk} == {run}


def test_a_batch_is_kept_whole_or_not_at_all(calls: Wire) -> None:
    run = calls.run()
    calls.post("runs/log-parameter", run_id=run, key="lr", value="1")
    body = calls.post(
        "runs/log-batch",
        400,
        run_id=run,
        metrics=[{"key": "m", "value": 1, "timestamp": 1}],
        params=[{"key": "lr", "value": "2"}],
        tags=[{"key": "t", "value": "x"}],
    )
    assert body["error_code"] == "INVALID_PARAMETER_VALUE"
    assert "with value='1'" in body["message"]
    data = calls.get("runs/get", run_id=run)["run"]["data"]
    assert "metrics" not in data
    assert [one["key"] for one in data["tags"]] == ["mlflow.runName"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("runs/log-metric", {"key": "m", "timestamp": 1}),
        ("runs/log-metric", {"key": "m", "value": 1}),
        ("runs/log-metric", {"key": "m", "value": "much", "timestamp": 1}),
        ("runs/log-metric", {"key": "m", "value": 1, "timestamp": -1}),
        ("runs/log-metric", {"key": "m", "value": 1, "timestamp": 2**63}),
        ("runs/log-metric", {"key": "m", "value": 1, "timestamp": 1, "step": 2**63}),
        ("runs/log-metric", {"key": "", "value": 1, "timestamp": 1}),
        ("runs/log-metric", {"key": "../m", "value": 1, "timestamp": 1}),
        ("runs/log-metric", {"key": "a$b", "value": 1, "timestamp": 1}),
        ("runs/log-metric", {"key": "m" * 251, "value": 1, "timestamp": 1}),
        ("runs/log-parameter", {"key": "", "value": "1"}),
        ("runs/log-parameter", {"key": "a", "value": 5}),
        ("runs/set-tag", {"key": "/abs", "value": "1"}),
        ("runs/log-batch", {"metrics": [{"key": "m", "value": 1, "timestamp": 1}] * 1001}),
        ("runs/log-batch", {"params": [{"key": f"p{at}", "value": ""} for at in range(101)]}),
        ("runs/log-batch", {"tags": [{"key": f"p{at}", "value": ""} for at in range(101)]}),
        ("runs/log-batch", {"params": [{"key": "p", "value": "1"}, {"key": "p", "value": "2"}]}),
        ("runs/log-batch", {"metrics": "none"}),
        ("runs/update", {"status": "DONE"}),
        ("runs/log-model", {"model_json": "{"}),
        ("runs/log-inputs", {"datasets": [{"dataset": {"name": "d"}}]}),
    ],
)
def test_what_cannot_be_is_refused_and_says_what(calls: Wire, path: str, body: Any) -> None:
    answer = calls.post(path, 400, run_id=calls.run(), **body)
    assert answer["error_code"] == "INVALID_PARAMETER_VALUE"
    assert len(answer["message"]) > 10


@pytest.mark.parametrize("most", [0, -1, 50_001])
def test_pages_are_bounded(calls: Wire, most: int) -> None:
    for path in ("runs/search", "experiments/search"):
        answer = calls.post(path, 400, experiment_ids=["0"], max_results=most)
        assert answer["error_code"] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    ("filter", "order"),
    [
        ("metrics.a >", []),
        ("metrics.a > 'x' or or", []),
        ("rubbish", []),
        ("(" * 200, []),
        ("metrics.a > 1; DROP TABLE run", []),
        ("", ["metrics.a SIDEWAYS"]),
        ("", ["nothing.at DESC"]),
        ("tags.a = 'x\x00'", []),
        ("a" * 20_000, []),
    ],
)
def test_filters_that_cannot_be_read_are_refused(calls: Wire, filter: str, order: Any) -> None:
    answer = calls.post(
        "runs/search", 400, experiment_ids=["0"], filter=filter, order_by=order, max_results=10
    )
    assert answer["error_code"] == "INVALID_PARAMETER_VALUE"


def test_bodies_that_are_no_json_are_refused(wire: httpx.Client) -> None:
    for content, kind in (
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b'"x"', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"name": "x"}', "text/plain"),
        (b"name=x", "application/x-www-form-urlencoded"),
    ):
        answer = wire.post(
            V2 + "experiments/create", content=content, headers={"content-type": kind}
        )
        assert answer.status_code in {400, 415}, (content[:9], answer.text)
        assert answer.json()["error_code"] in {"BAD_REQUEST", "INVALID_PARAMETER_VALUE"}


@pytest.mark.parametrize("database", ["sqlite_server", "postgresql_server"])
@pytest.mark.prove
def test_a_text_that_no_database_keeps_is_refused_and_never_retried(
    request: pytest.FixtureRequest, database: str
) -> None:
    server: Server = request.getfixturevalue(database)
    with httpx.Client(base_url=server.url) as http:
        calls = Wire(http)
        run = calls.run()
        pair = {"key": "a", "value": "x\0y"}
        for path, body in (
            ("experiments/create", {"name": "a\0b"}),
            ("runs/create", {"run_name": "a\0b"}),
            ("runs/create", {"user_id": "a\0b"}),
            ("runs/log-parameter", {"run_id": run, **pair}),
            ("runs/set-tag", {"run_id": run, **pair}),
            ("runs/log-batch", {"run_id": run, "tags": [pair]}),
            ("runs/search", {"experiment_ids": ["0"], "filter": "tags.a = 'x\0'"}),
            ("runs/search", {"experiment_ids": ["0"], "page_token": "\0"}),
            ("logged-models", {"experiment_id": "0", "name": "a", "tags": [pair]}),
        ):
            assert calls.post(path, 400, **body)["error_code"] == "INVALID_PARAMETER_VALUE"
        calls.get("runs/get", 400, run_id=run + "\0")
        deep: Any = "x"
        for _ in range(700):
            deep = {"a": deep}
        calls.post("runs/set-tag", 400, run_id=run, key="a", value=None, other=deep, tags=None)


def test_what_is_not_served_says_so(wire: httpx.Client) -> None:
    for method, path in (
        ("GET", "/api/2.0/mlflow/no/such"),
        ("POST", "/api/3.0/mlflow/no/such"),
        ("GET", "/ajax-api/2.0/mlflow/no-such"),
        ("PUT", "/api/2.0/mlflow/runs/create"),
    ):
        answer = wire.request(method, path)
        assert answer.status_code in {404, 405, 501}
        assert answer.json()["error_code"] in {"ENDPOINT_NOT_FOUND", "NOT_IMPLEMENTED"}


def test_the_server_says_what_it_can_do(wire: httpx.Client) -> None:
    info = wire.get("/api/3.0/mlflow/server-info").json()
    assert info["multipart_downloads_enabled"] is False
    assert wire.get("/version").text == "3.17.2"
    assert wire.get("/health").status_code == 200
    assert wire.get("/ajax-api/3.0/mlflow/server-info").json() == info


def test_datasets_of_experiments_are_listed(calls: Wire, experiment: str) -> None:
    id = calls.post("experiments/create", name=experiment)["experiment_id"]
    run = calls.run(experiment_id=id)
    dataset = {"name": "d", "digest": "1f", "source_type": "local", "source": "{}"}
    tags = [{"key": "mlflow.data.context", "value": "train"}]
    calls.post("runs/log-inputs", run_id=run, datasets=[{"dataset": dataset, "tags": tags}])
    found = calls.post("experiments/search-datasets", experiment_ids=[id])
    assert found == {
        "dataset_summaries": [
            {"experiment_id": id, "name": "d", "digest": "1f", "context": "train"}
        ]
    }


def test_files_go_in_and_come_out_as_downloads(wire: httpx.Client, calls: Wire) -> None:
    run, content = calls.run(), b"<script>alert(1)</script>"
    at = f"{FILES}/0/{run}/artifacts/site/in%20dex.html"
    assert wire.put(at, content=content, headers={"content-type": "text/html"}).json() == {}
    answer = wire.get(at)
    assert answer.content == content
    assert answer.headers["content-type"] == "application/octet-stream"
    said = answer.headers["content-disposition"]
    assert said == "attachment; filename=\"in_dex.html\"; filename*=UTF-8''in%20dex.html"
    assert answer.headers["x-content-type-options"] == "nosniff"
    listing = wire.get(FILES, params={"path": f"0/{run}/artifacts"}).json()
    assert listing == {"files": [{"path": "site", "is_dir": True}]}
    listing = wire.get(FILES, params={"path": f"0/{run}/artifacts/site/"}).json()
    assert listing == {"files": [{"path": "in dex.html", "is_dir": False, "file_size": 25}]}
    assert wire.put(at, content=b"new").status_code == 200
    assert wire.get(at).content == b"new"
    refused = wire.delete(at)
    assert (refused.status_code, refused.json()["error_code"]) == (501, "NOT_IMPLEMENTED")
    calls.post("runs/delete", run_id=run)
    assert wire.put(at, content=b"late").status_code == 400


def test_a_file_of_a_version_is_read_and_never_written(
    sqlite_server: Server, wire: httpx.Client
) -> None:
    from lapwise.core.model import Artifact, Lineage, ModelVersion, Signature
    from lapwise.store.model import AuditDraft

    with open_store(sqlite_server.store, sqlite_server.blobs) as store:
        digest = store.blobs.put(b"weights")
        version = store.models.add(
            ModelVersion(
                id="v" * 26,
                model="flights",
                number=0,
                digest=digest,
                format="mlflow",
                serving="mlflow",
                parity="",
                artifacts=(Artifact(name="model/weights.bin", digest=digest, size=7),),
                signature=Signature(inputs=(), outputs=()),
                lineage=Lineage(),
                task="",
                created=1,
            ),
            AuditDraft(at=1, actor="anna", action="register", subject="v" * 26),
        )
    at = f"{FILES}/versions/{version.id}/model/weights.bin"
    assert wire.get(at).content == b"weights"
    answer = wire.put(at, content=b"others")
    assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
