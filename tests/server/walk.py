"""Every address of the server: who may ask there, and how it is asked about one product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from lapwise.core.access import Role
from tests.server.access.acts import Kept
from tests.store.making import digest

Body = Callable[[Kept], dict[str, Any]]
Kind = Literal["one", "list", "any", "refused", "open", "store"]


class Visit(NamedTuple):
    """How an address is asked.

    ``one``: about one product. ``list``: shows what is seen. ``any``: says the same to everybody with
    a token. ``refused``: does nothing, and says why. ``open``: to everybody. ``store``: the store's calls, which are walked by themselves.
    """

    kind: Kind
    role: Role = "viewer"
    query: Body | None = None
    body: Body | None = None
    path: Callable[[Kept], str] | None = None


def see(query: Body | None = None, path: Callable[[Kept], str] | None = None) -> Visit:
    """Ask about one product, for looking."""
    return Visit("one", query=query, path=path)


def ask(body: Body) -> Visit:
    """Ask about one product by a body, for looking."""
    return Visit("one", body=body)


def write(body: Body | None = None, role: Role = "contributor") -> Visit:
    """Change something of one product."""
    return Visit("one", role, body=body or (lambda _: {}))


LIST, ANY, REFUSED, OPEN = Visit("list"), Visit("any"), Visit("refused"), Visit("open")

_RUN: Body = lambda k: {"run_id": k.run}  # noqa: E731 - one line a way to name it
_NAME: Body = lambda k: {"name": k.name}  # noqa: E731
_VERSION: Body = lambda k: {"name": k.name, "version": "1"}  # noqa: E731
_EXPERIMENT: Body = lambda k: {"experiment_id": k.number}  # noqa: E731
_NUMBERS: Body = lambda k: {"experiment_ids": [k.number]}  # noqa: E731


def also(first: Body, **more: Any) -> Body:
    """Return a body with more fields."""
    return lambda k: {**first(k), **more}


def address(k: Kept) -> str:
    """Return where MLflow's clients put an artifact of a run."""
    return f"{k.number}/{k.run}/artifacts/a.txt"


PARTS: dict[str, Callable[[Kept], str]] = {
    "model:str": lambda k: k.name,
    "loop:str": lambda k: k.name,
    "number:int": lambda _: "1",
    "reference:str": lambda k: k.run,
    "digest:str": lambda k: digest(f"bytes of {k.name}"),
    "model_id:str": lambda k: k.logged,
    "tag_key:str": lambda _: "a",
    "key:path": address,
    "name:str": lambda _: "audit-0000000001",
    "view:str": lambda _: "plane",
}

OURS: dict[str, Visit] = {
    "GET /health": OPEN,
    "GET /version": OPEN,
    "GET /login": OPEN,
    "POST /login": OPEN,
    "POST /logout": OPEN,
    "GET /assets/{digest:str}/{name:str}": OPEN,
    "GET /": LIST,
    "GET /runs": LIST,
    "GET /compare": see(lambda k: {"runs": f"{k.run},{k.run}"}),
    "GET /runs/{reference:str}": see(),
    "GET /runs/{reference:str}/picture": see(lambda _: {"name": "a.txt"}),
    "GET /features": LIST,
    "GET /features/{view:str}": see(lambda k: {"loop": k.name}),
    "GET /loops/{loop:str}": see(),
    "GET /loops/{loop:str}/laps/{number:int}": see(),
    "GET /models/{model:str}": see(),
    "GET /models/{model:str}/drift": see(),
    "GET /models/{model:str}/rollouts": see(),
    "GET /models/{model:str}/rollouts/{number:int}": see(),
    "GET /models/{model:str}/versions/{number:int}": see(),
    "GET /api/v1/openapi.json": ANY,
    "GET /api/v1/store": ANY,
    "POST /api/v1/store/{noun:str}/{verb:str}": Visit("store"),
    "GET /api/v1/features": LIST,
    "GET /api/v1/features/{view:str}": see(lambda k: {"loop": k.name}),
    "GET /api/v1/freshness": LIST,
    "GET /api/v1/loops": LIST,
    "GET /api/v1/laps": LIST,
    "GET /api/v1/ledger": LIST,
    "GET /api/v1/versions": LIST,
    "GET /api/v1/audit": LIST,
    "GET /api/v1/experiments": LIST,
    "GET /api/v1/runs": LIST,
    "GET /api/v1/comparison": see(lambda k: {"runs": f"{k.run},{k.run}"}),
    "GET /api/v1/loops/{loop:str}/laps/{number:int}": see(),
    "GET /api/v1/models/{model:str}/alarms": see(),
    "GET /api/v1/models/{model:str}/days": see(),
    "GET /api/v1/models/{model:str}/deployments": see(),
    "GET /api/v1/models/{model:str}/hours": see(),
    "GET /api/v1/models/{model:str}/rollouts": see(),
    "GET /api/v1/models/{model:str}/rollouts/{number:int}": see(),
    "GET /api/v1/models/{model:str}/verifications": see(),
    "GET /api/v1/models/{model:str}/versions": see(),
    "GET /api/v1/models/{model:str}/versions/{number:int}": see(),
    "GET /api/v1/models/{model:str}/versions/{number:int}/approvals": see(),
    "GET /api/v1/models/{model:str}/versions/{number:int}/lineage": see(),
    "GET /api/v1/models/{model:str}/versions/{number:int}/metrics": see(),
    "GET /api/v1/models/{model:str}/versions/{number:int}/verdicts": see(),
    "GET /api/v1/runs/{reference:str}": see(),
    "GET /api/v1/runs/{reference:str}/artifacts": see(),
    "GET /api/v1/runs/{reference:str}/artifacts/content": see(lambda _: {"name": "a.txt"}),
    "GET /api/v1/runs/{reference:str}/curve": see(lambda _: {"metric": "auc"}),
    "GET /api/v1/runs/{reference:str}/inputs": see(),
    "GET /api/v1/runs/{reference:str}/metrics": see(),
    "GET /api/v1/runs/{reference:str}/packages": see(),
    "GET /api/v1/runs/{reference:str}/params": see(),
    "GET /api/v1/runs/{reference:str}/patch": see(),
    "GET /api/v1/runs/{reference:str}/points": see(lambda _: {"metric": "auc"}),
    "GET /api/v1/runs/{reference:str}/tags": see(),
    "GET /api/v1/blobs/{digest:str}": see(),
    "HEAD /api/v1/blobs/{digest:str}": see(),
    # Whoever may write anywhere may put bytes; what they are named by is another matter.
    "PUT /api/v1/blobs/{digest:str}": Visit("store"),
    "GET /api/v1/blobs/{digest:str}/upload": Visit("store"),
    "PATCH /api/v1/blobs/{digest:str}/upload": Visit("store"),
    "GET /api/v1/blobs": Visit("store"),
    "DELETE /api/v1/blobs/{digest:str}": Visit("store"),
    "GET /api/v1/anchors": Visit("store"),
    "PUT /api/v1/anchors/{name:str}": Visit("store"),
}

# Below /api and /ajax-api.
MLFLOW: dict[str, Visit] = {
    "GET /2.0/mlflow-artifacts/artifacts": see(lambda k: {"path": address(k)}),
    "GET /2.0/mlflow-artifacts/artifacts/{key:path}": see(),
    "PUT /2.0/mlflow-artifacts/artifacts/{key:path}": write(),
    "DELETE /2.0/mlflow-artifacts/artifacts/{key:path}": see(),  # who may look is told why not
    # Parts belong to an upload that was begun; see test_parts_of_an_upload.
    "POST /2.0/mlflow-artifacts/mpu/create/{key:path}": Visit("store"),
    "PUT /2.0/mlflow-artifacts/mpu/part/{key:path}": Visit("store"),
    "POST /2.0/mlflow-artifacts/mpu/complete/{key:path}": Visit("store"),
    "POST /2.0/mlflow-artifacts/mpu/abort/{key:path}": Visit("store"),
    "GET /3.0/mlflow/server-info": ANY,
    "GET /2.0/mlflow/artifacts/list": see(_RUN),
    "POST /2.0/mlflow/experiments/create": write(lambda k: {"name": f"{k.name}-new"}),
    "GET /2.0/mlflow/experiments/get": see(_EXPERIMENT),
    "GET /2.0/mlflow/experiments/get-by-name": see(lambda k: {"experiment_name": k.name}),
    "GET /2.0/mlflow/experiments/search": Visit("list", query=lambda _: {"max_results": 100}),
    "POST /2.0/mlflow/experiments/search": Visit("list", body=lambda _: {"max_results": 100}),
    "POST /2.0/mlflow/experiments/update": write(
        lambda k: {"experiment_id": k.number, "new_name": f"{k.name}-new"}
    ),
    "POST /2.0/mlflow/experiments/delete": write(_EXPERIMENT),
    "POST /2.0/mlflow/experiments/restore": write(_EXPERIMENT),
    "POST /2.0/mlflow/experiments/set-experiment-tag": write(also(_EXPERIMENT, key="a", value="b")),
    "POST /2.0/mlflow/experiments/delete-experiment-tag": write(also(_EXPERIMENT, key="a")),
    "POST /2.0/mlflow/experiments/search-datasets": ask(_NUMBERS),
    "POST /2.0/mlflow/runs/create": write(also(_EXPERIMENT, start_time=1)),
    "GET /2.0/mlflow/runs/get": see(_RUN),
    "POST /2.0/mlflow/runs/update": write(also(_RUN, status="FINISHED")),
    "POST /2.0/mlflow/runs/delete": write(_RUN),
    "POST /2.0/mlflow/runs/restore": write(_RUN),
    "POST /2.0/mlflow/runs/log-metric": write(also(_RUN, key="a", value=1.0, timestamp=1, step=0)),
    "POST /2.0/mlflow/runs/log-parameter": write(also(_RUN, key="p", value="1")),
    "POST /2.0/mlflow/runs/log-batch": write(
        also(_RUN, metrics=[{"key": "a", "value": 1.0, "timestamp": 1, "step": 0}])
    ),
    "POST /2.0/mlflow/runs/set-tag": write(also(_RUN, key="a", value="b")),
    "POST /2.0/mlflow/runs/delete-tag": write(also(_RUN, key="a")),
    "POST /2.0/mlflow/runs/log-inputs": write(
        also(
            _RUN,
            datasets=[
                {"dataset": {"name": "d", "digest": "1", "source_type": "local", "source": "x"}}
            ],
        )
    ),
    "POST /2.0/mlflow/runs/outputs": write(
        lambda k: {"run_id": k.run, "models": [{"model_id": k.logged, "step": 0}]}
    ),
    "POST /2.0/mlflow/runs/log-model": write(
        also(
            _RUN, model_json='{"run_id":"x","artifact_path":"m","flavors":{},"utc_time_created":""}'
        )
    ),
    "POST /2.0/mlflow/runs/search": ask(_NUMBERS),
    "GET /2.0/mlflow/metrics/get-history": see(also(_RUN, metric_key="auc")),
    "GET /2.0/mlflow/metrics/get-history-bulk": see(also(_RUN, metric_key="auc")),
    "GET /2.0/mlflow/metrics/get-history-bulk-interval": see(
        lambda k: {"run_ids": k.run, "metric_key": "auc"}
    ),
    "POST /2.0/mlflow/logged-models": write(also(_EXPERIMENT, name="m")),
    "GET /2.0/mlflow/logged-models/{model_id:str}": see(),
    "PATCH /2.0/mlflow/logged-models/{model_id:str}": write(
        lambda k: {"model_id": k.logged, "status": "LOGGED_MODEL_READY"}
    ),
    "DELETE /2.0/mlflow/logged-models/{model_id:str}": write(),
    "POST /2.0/mlflow/logged-models/search": ask(_NUMBERS),
    "PATCH /2.0/mlflow/logged-models/{model_id:str}/tags": write(
        lambda _: {"tags": [{"key": "a", "value": "b"}]}
    ),
    "DELETE /2.0/mlflow/logged-models/{model_id:str}/tags/{tag_key:str}": write(),
    "POST /2.0/mlflow/logged-models/{model_id:str}/params": write(
        lambda _: {"params": [{"key": "a", "value": "b"}]}
    ),
    "GET /2.0/mlflow/logged-models/{model_id:str}/artifacts/directories": see(),
    "POST /2.0/mlflow/registered-models/create": write(_NAME),
    "GET /2.0/mlflow/registered-models/get": see(_NAME),
    "POST /2.0/mlflow/registered-models/rename": write(
        lambda k: {"name": k.name, "new_name": f"{k.name}-new"}
    ),
    "PATCH /2.0/mlflow/registered-models/update": write(also(_NAME, description="x")),
    "DELETE /2.0/mlflow/registered-models/delete": write(_NAME),
    "GET /2.0/mlflow/registered-models/search": LIST,
    "GET /2.0/mlflow/registered-models/get-latest-versions": see(_NAME),
    "POST /2.0/mlflow/registered-models/get-latest-versions": ask(_NAME),
    "POST /2.0/mlflow/registered-models/set-tag": write(also(_NAME, key="a", value="b")),
    "DELETE /2.0/mlflow/registered-models/delete-tag": write(also(_NAME, key="a")),
    "GET /2.0/mlflow/registered-models/alias": see(also(_NAME, alias="best")),
    "POST /2.0/mlflow/registered-models/alias": write(also(_VERSION, alias="best")),
    "DELETE /2.0/mlflow/registered-models/alias": write(also(_NAME, alias="best")),
    "POST /2.0/mlflow/model-versions/create": write(
        lambda k: {"name": k.name, "source": f"runs:/{k.run}/m", "run_id": k.run}
    ),
    "GET /2.0/mlflow/model-versions/get": see(_VERSION),
    "PATCH /2.0/mlflow/model-versions/update": write(also(_VERSION, description="x")),
    "DELETE /2.0/mlflow/model-versions/delete": write(_VERSION),
    "GET /2.0/mlflow/model-versions/search": Visit("list", query=lambda _: {"max_results": 100}),
    "GET /2.0/mlflow/model-versions/get-download-uri": see(_VERSION),
    "POST /2.0/mlflow/model-versions/set-tag": write(also(_VERSION, key="a", value="b")),
    "DELETE /2.0/mlflow/model-versions/delete-tag": write(also(_VERSION, key="a")),
    "POST /2.0/mlflow/model-versions/transition-stage": write(also(_VERSION, stage="Archived")),
}

WALK: dict[str, Visit] = OURS | {
    way.replace(" ", " /api", 1): visit for way, visit in MLFLOW.items()
}
