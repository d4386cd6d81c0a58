"""The client at a server that asks for tokens."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.mlflow.driving import Client, Server, client_of, make_token, server_of

pytestmark = pytest.mark.prove


@pytest.fixture(scope="module")
def guarded(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server with a login, and tokens by what they may do."""
    folder = tmp_path_factory.mktemp("guarded")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    store, blobs = f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs"
    tokens = {
        "admin": make_token(store, blobs, folder, "root", "--role", "admin"),
        "churn": make_token(
            store, blobs, folder, "anna", "--role", "contributor", "--product", "churn"
        ),
        "viewer": make_token(
            store, blobs, folder, "bert", "--role", "viewer", "--product", "churn"
        ),
        "other": make_token(
            store, blobs, folder, "carl", "--role", "contributor", "--product", "other"
        ),
    }
    with server_of(store, blobs, folder, "--login") as server:
        yield server, tokens


def log(mlflow: Any, experiment: str) -> Any:
    mlflow.set_experiment(experiment)
    with mlflow.start_run() as run:
        mlflow.log_metric("auc", 0.7)
        mlflow.log_param("lr", 1)
        mlflow.log_text("words", "notes/t.txt")
    return run.info.run_id


def read(mlflow: Any, run: str) -> Any:
    found = mlflow.get_run(run)
    text = mlflow.artifacts.load_text(f"runs:/{run}/notes/t.txt")
    runs = mlflow.search_runs(experiment_names=["churn"])
    return [found.data.metrics, text, run in runs.run_id.tolist()]


def test_a_token_opens_its_product_and_no_other(
    guarded: tuple[Server, dict[str, str]], tmp_path: Path
) -> None:
    server, tokens = guarded

    def asked(token: str, **more: str) -> Any:
        return client_of(server.url, tmp_path, MLFLOW_TRACKING_TOKEN=tokens[token], **more)

    with asked("churn") as client:
        run = client(log, "churn")
        assert client(read, run) == [{"auc": 0.7}, "words", True]
        assert client.refused(log, "other").code == "PERMISSION_DENIED"
        assert _names(client) == ["churn"]
    with asked("viewer") as client:
        assert client(read, run) == [{"auc": 0.7}, "words", True]
        assert client.refused(log, "churn").code == "PERMISSION_DENIED"
    with asked("other") as client:
        assert client.refused(read, run).code in {"PERMISSION_DENIED", "RESOURCE_DOES_NOT_EXIST"}
    parts = {
        "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "true",
        "MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE": "1",
    }
    with asked("churn", **parts) as client:
        assert client(read, client(log, "churn"))[1] == "words"


def test_without_a_token_nothing_is_said(
    guarded: tuple[Server, dict[str, str]], tmp_path: Path
) -> None:
    with client_of(guarded[0].url, tmp_path) as client:
        error = client.refused(log, "churn")
    assert error.code == "UNAUTHENTICATED"
    assert "token is needed" in error.message


def test_a_token_may_come_as_a_password(
    guarded: tuple[Server, dict[str, str]], tmp_path: Path
) -> None:
    server, tokens = guarded
    asked = {"MLFLOW_TRACKING_USERNAME": "anna", "MLFLOW_TRACKING_PASSWORD": tokens["churn"]}
    with client_of(server.url, tmp_path, **asked) as client:
        assert client(log, "churn")


def _names(client: Client) -> Any:
    def act(mlflow: Any) -> Any:
        return [one.name for one in mlflow.search_experiments()]

    return client(act)
