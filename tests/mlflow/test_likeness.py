"""The same calls to MLflow's own server and to ours: the same status, code and shape of answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.mlflow.driving import Server
from tests.mlflow.theirs import their_server

pytestmark = pytest.mark.prove

V2 = "/api/2.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
NONE = "0" * 32
POINT = {"key": "m", "value": 1, "timestamp": 1}

# {e} is the experiment, {r} the run, {m} the logged model.
CALLS: list[tuple[str, str, Any]] = [
    ("POST", "experiments/create", {"name": "{n}"}),
    ("POST", "experiments/create", {}),
    ("POST", "experiments/create", {"name": "x" * 501}),
    ("GET", "experiments/get", {"experiment_id": "{e}"}),
    ("GET", "experiments/get", {"experiment_id": "99999"}),
    ("GET", "experiments/get", {"experiment_id": "abc"}),
    ("GET", "experiments/get", {}),
    ("GET", "experiments/get-by-name", {"experiment_name": "nope"}),
    ("GET", "experiments/get-by-name", {"experiment_name": "{n}"}),
    ("POST", "experiments/search", {"max_results": 10, "filter": "name = '{n}'"}),
    ("POST", "experiments/search", {"max_results": 10, "filter": "bad = 1"}),
    ("POST", "experiments/search", {"max_results": 10, "order_by": ["bad"]}),
    ("POST", "experiments/set-experiment-tag", {"experiment_id": "{e}", "key": "k", "value": "v"}),
    ("POST", "experiments/set-experiment-tag", {"experiment_id": "{e}", "key": "../k"}),
    ("POST", "experiments/set-experiment-tag", {"experiment_id": "{e}"}),
    ("POST", "experiments/delete-experiment-tag", {"experiment_id": "{e}", "key": "zz"}),
    ("POST", "experiments/delete-experiment-tag", {"experiment_id": "{e}", "key": "k"}),
    ("POST", "runs/create", {"experiment_id": "99999"}),
    (
        "POST",
        "runs/create",
        {
            "experiment_id": "{e}",
            "run_name": "a",
            "tags": [{"key": "mlflow.runName", "value": "b"}],
        },
    ),
    ("GET", "runs/get", {"run_id": "{r}"}),
    ("GET", "runs/get", {"run_id": NONE}),
    ("GET", "runs/get", {}),
    ("POST", "runs/log-metric", {"run_id": "{r}", **POINT, "value": 1.5, "step": 2}),
    ("POST", "runs/log-metric", {"run_id": "{r}", **POINT, "value": "NaN", "step": 3}),
    ("POST", "runs/log-metric", {"run_id": "{r}", **POINT, "value": "abc"}),
    ("POST", "runs/log-metric", {"run_id": "{r}", "key": "m", "timestamp": 1}),
    ("POST", "runs/log-metric", {"run_id": "{r}", "key": "m", "value": 1}),
    ("POST", "runs/log-metric", {"run_id": "{r}", **POINT, "timestamp": -5}),
    ("POST", "runs/log-metric", {"run_id": "{r}", **POINT, "key": "a$"}),
    ("POST", "runs/log-metric", {"run_id": "{r}", **POINT, "key": "a/../b"}),
    ("POST", "runs/log-metric", {"run_id": "{r}", **POINT, "key": "k" * 251}),
    ("POST", "runs/log-metric", {"run_id": NONE, **POINT}),
    ("POST", "runs/log-metric", POINT),
    ("POST", "runs/log-parameter", {"run_id": "{r}", "key": "p", "value": "1"}),
    ("POST", "runs/log-parameter", {"run_id": "{r}", "key": "p", "value": "1"}),
    ("POST", "runs/log-parameter", {"run_id": "{r}", "key": "p", "value": "2"}),
    ("POST", "runs/log-parameter", {"run_id": "{r}", "key": "p2"}),
    ("POST", "runs/log-parameter", {"run_id": "{r}", "key": "", "value": "2"}),
    ("POST", "runs/log-parameter", {"run_id": "{r}", "key": "p3", "value": 5}),
    ("POST", "runs/log-parameter", {"run_id": "{r}", "key": "long", "value": "x" * 7000}),
    ("POST", "runs/set-tag", {"run_id": "{r}", "key": "tag", "value": "v"}),
    ("POST", "runs/set-tag", {"run_id": "{r}", "key": "tag3", "value": "x" * 9000}),
    ("POST", "runs/delete-tag", {"run_id": "{r}", "key": "nope"}),
    ("POST", "runs/delete-tag", {"run_id": "{r}", "key": "tag"}),
    ("POST", "runs/log-batch", {"run_id": "{r}", "metrics": [{**POINT, "key": "b"}]}),
    (
        "POST",
        "runs/log-batch",
        {"run_id": "{r}", "params": [{"key": "q", "value": "1"}, {"key": "q", "value": "2"}]},
    ),
    ("POST", "runs/log-batch", {"run_id": "{r}", "params": [{"key": "p", "value": "7"}]}),
    ("POST", "runs/log-batch", {"run_id": "{r}", "metrics": [POINT] * 1001}),
    ("POST", "runs/log-batch", {"run_id": "{r}", "metrics": [{"key": "b", "timestamp": 1}]}),
    ("POST", "runs/log-batch", {"run_id": "{r}", "metrics": "x"}),
    ("POST", "runs/log-batch", {"run_id": "{r}"}),
    (
        "POST",
        "runs/log-inputs",
        {
            "run_id": "{r}",
            "datasets": [
                {
                    "tags": [{"key": "mlflow.data.context", "value": "train"}],
                    "dataset": {"name": "d", "digest": "g", "source_type": "local", "source": "s"},
                }
            ],
        },
    ),
    ("GET", "runs/get", {"run_id": "{r}"}),
    ("GET", "metrics/get-history", {"run_id": "{r}", "metric_key": "m"}),
    ("GET", "metrics/get-history", {"run_id": "{r}", "metric_key": "none"}),
    ("GET", "metrics/get-history", {"run_id": "{r}"}),
    ("POST", "runs/search", {"experiment_ids": ["{e}"], "filter": "metrics.b = 1"}),
    ("POST", "runs/search", {"experiment_ids": ["{e}"], "filter": "metrics.b == 1 or"}),
    ("POST", "runs/search", {"experiment_ids": ["{e}"], "filter": "metrics.b = 'x'"}),
    ("POST", "runs/search", {"experiment_ids": ["{e}"], "filter": "attributes.bad = 1"}),
    ("POST", "runs/search", {"experiment_ids": ["{e}"], "max_results": 50001}),
    ("POST", "runs/search", {"experiment_ids": ["{e}"], "max_results": -1}),
    ("POST", "runs/search", {"experiment_ids": [], "max_results": 10}),
    ("POST", "runs/search", {"experiment_ids": ["{e}"], "run_view_type": "DELETED_ONLY"}),
    ("POST", "runs/search", {"experiment_ids": ["{e}"], "page_token": "rubbish"}),
    ("POST", "runs/update", {"run_id": "{r}", "status": "FINISHED", "end_time": 999999}),
    ("POST", "runs/update", {"run_id": NONE, "status": "FINISHED"}),
    ("POST", "runs/update", {"run_id": "{r}", "run_name": "renamed"}),
    ("POST", "logged-models", {"experiment_id": "{e}", "name": "bad/name"}),
    ("POST", "logged-models", {"name": "x"}),
    ("POST", "logged-models", {"experiment_id": "99999", "name": "x"}),
    ("GET", "logged-models/m-" + NONE, {}),
    ("PATCH", "logged-models/{m}", {"model_id": "{m}", "status": "LOGGED_MODEL_READY"}),
    ("GET", "logged-models/{m}", {}),
    ("DELETE", "logged-models/{m}/tags/zz", {}),
    ("POST", "logged-models/search", {"experiment_ids": ["{e}"], "max_results": 10}),
    ("POST", "logged-models/search", {"experiment_ids": ["{e}"], "filter": "metrics.x >"}),
    ("POST", "logged-models/search", {"max_results": 10}),
    ("POST", "runs/log-metric", {"run_id": "{r}", **POINT, "key": "lm", "model_id": "{m}"}),
    ("POST", "runs/outputs", {"run_id": "{r}", "models": [{"model_id": "{m}", "step": 3}]}),
    ("GET", "runs/get", {"run_id": "{r}"}),
    ("GET", "artifacts/list", {"run_id": "{r}"}),
    ("GET", "artifacts/list", {"run_id": "{r}", "path": "../.."}),
    ("GET", "artifacts/list", {"run_id": "{r}", "path": "/etc"}),
    ("GET", FILES + "/{e}/{r}/artifacts/nope.txt", {}),
    ("GET", FILES, {"path": "{e}/{r}/artifacts"}),
    ("GET", FILES, {"path": "{e}/{r}/artifacts/../.."}),
    ("GET", "logged-models/{m}/artifacts/directories", {}),
    ("POST", "runs/log-model", {"run_id": "{r}", "model_json": "{"}),
    ("POST", "runs/delete", {"run_id": "{r}"}),
    ("POST", "runs/log-metric", {"run_id": "{r}", **POINT}),
    ("POST", "runs/log-parameter", {"run_id": "{r}", "key": "zz", "value": "1"}),
    ("POST", "runs/set-tag", {"run_id": "{r}", "key": "tag", "value": "v"}),
    ("POST", "runs/update", {"run_id": "{r}", "status": "FINISHED"}),
    ("POST", "runs/search", {"experiment_ids": ["{e}"], "run_view_type": "DELETED_ONLY"}),
    ("POST", "runs/restore", {"run_id": "{r}"}),
    ("POST", "runs/restore", {"run_id": NONE}),
    ("DELETE", "logged-models/{m}", {}),
    ("GET", "logged-models/{m}", {}),
    ("POST", "experiments/update", {"experiment_id": "{e}", "new_name": "{n} 2"}),
    ("POST", "experiments/update", {"experiment_id": "{e}"}),
    ("POST", "experiments/delete", {"experiment_id": "{e}"}),
    ("POST", "experiments/delete", {"experiment_id": "{e}"}),
    ("POST", "experiments/set-experiment-tag", {"experiment_id": "{e}", "key": "k", "value": "v"}),
    ("POST", "experiments/create", {"name": "{n} 2"}),
    ("POST", "runs/create", {"experiment_id": "{e}"}),
    ("GET", "runs/get", {"run_id": "{r}"}),
    ("POST", "runs/log-metric", {"run_id": "{r}", **POINT}),
    ("POST", "runs/search", {"experiment_ids": ["{e}"]}),
    ("POST", "experiments/restore", {"experiment_id": "{e}"}),
    ("GET", "experiments/get", {"experiment_id": "{e}"}),
    ("GET", "runs/get", {"run_id": "{r}"}),
]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of MLflow's own server."""
    with their_server(tmp_path_factory.mktemp("theirs")) as url:
        yield url


def test_our_server_answers_as_theirs_does(theirs: str, server: Server) -> None:
    expected, found = answers(theirs), answers(server.url)
    differing = [
        (method, path, str(body)[:200], *pair)
        for (method, path, body), *pair in zip(CALLS, expected, found, strict=True)
        if pair[0] != pair[1]
    ]
    assert not differing


def answers(url: str) -> list[tuple[int, Any]]:
    """Send all calls, and return status and shape of each answer."""
    with httpx.Client(base_url=url, timeout=60) as http:
        return _answers(http)


def _answers(http: httpx.Client) -> list[tuple[int, Any]]:
    name = f"likeness {time.time_ns()}"
    names = {"n": name}
    made = http.post(V2 + "experiments/create", json={"name": name + " first"}).json()
    names["e"] = made["experiment_id"]
    http.post(V2 + "experiments/update", json={"experiment_id": names["e"], "new_name": name})
    run = {"experiment_id": names["e"], "user_id": "u", "run_name": "n", "start_time": 123}
    user = [{"key": "mlflow.user", "value": "u"}]
    made = http.post(V2 + "runs/create", json={**run, "tags": user}).json()
    names["r"] = made["run"]["info"]["run_id"]
    model = {"experiment_id": names["e"], "name": "model", "source_run_id": names["r"]}
    made = http.post(V2 + "logged-models", json=model).json()
    names["m"] = made["model"]["info"]["model_id"]
    found = []
    for method, path, body in CALLS:
        where = path if path.startswith("/") else V2 + path
        told = _filled(body, names)
        kind = {"params": told} if method == "GET" else {"json": told}
        answer = http.request(method, _filled(where, names), **kind)
        found.append((answer.status_code, _shape(answer.json(), names)))
    return found


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace(f"{{{name}}}", text)
        return value
    if isinstance(value, dict):
        return {key: _filled(one, names) for key, one in value.items()}
    return [_filled(one, names) for one in value] if isinstance(value, list) else value


# What differs by design: ours says less of its plans and tells no workspace.
_PASSED = {"workspace", "message", "sqlstate", "error_class", "model_type", "next_page_token"}


def _shape(value: Any, names: dict[str, str], key: str = "") -> Any:
    """Return an answer without what must differ: ids, times, and the order of lists."""
    if isinstance(value, dict):
        return {
            name: _shape(one, names, name)
            for name, one in sorted(value.items())
            if name not in _PASSED
        }
    if isinstance(value, list):
        return sorted((_shape(one, names) for one in value), key=repr)
    if isinstance(value, int) and ("time" in key) and value > 10_000_000:
        return "a time"
    if isinstance(value, str):
        for name in ("r", "m", "n"):
            value = value.replace(names[name], f"{{{name}}}")
        if key == "experiment_id":
            return "{e}"
        return value.replace(f"artifacts:/{names['e']}", "artifacts:/{e}")
    return value
