"""Whoever asks through a token registers in their product only, and brings nothing to production."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lapwise.store.open import open_store
from tests.mlflow.driving import Client, Server, client_of, make_token, server_of

pytestmark = pytest.mark.prove


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Server]:
    """A server that asks everybody for a token."""
    folder = tmp_path_factory.mktemp("guarded")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    place = f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs"
    make_token(*place, folder, "root", "--role", "admin")
    with server_of(*place, folder, "--login") as server:
        yield server


def client_as(server: Server, folder: Path, name: str, *arguments: str) -> Any:
    token = make_token(server.store, server.blobs, folder, name, *arguments)
    return client_of(server.url, folder, MLFLOW_TRACKING_TOKEN=token)


def _register(mlflow: Any, name: str) -> Any:
    client = mlflow.MlflowClient()
    client.create_registered_model(name)
    version = client.create_model_version(name, "s3://bucket/model")
    client.set_registered_model_alias(name, "x", version.version)
    return client.get_model_version_by_alias(name, "x").version


def _move(mlflow: Any, name: str, stage: str) -> Any:
    client = mlflow.MlflowClient()
    return client.transition_model_version_stage(name, "1", stage).current_stage


def _seen(mlflow: Any) -> Any:
    return sorted(one.name for one in mlflow.MlflowClient().search_registered_models())


def _look(mlflow: Any, name: str) -> Any:
    return mlflow.MlflowClient().get_model_version(name, "1").version


def test_a_token_opens_one_product(guarded: Server, tmp_path: Path) -> None:
    client: Client
    with client_as(guarded, tmp_path, "ada", "--role", "contributor", "--product", "a") as client:
        assert client(_register, "a") == "1"
        assert client(_move, "a", "Staging") == "Staging"
        assert client.refused(_move, "a", "Production").code == "PERMISSION_DENIED"
        assert client.refused(_register, "b").code == "PERMISSION_DENIED"
    with client_as(guarded, tmp_path, "bob", "--role", "approver", "--product", "b") as client:
        assert client(_register, "b") == "1"
        assert client(_move, "b", "Production") == "Production"
        assert client(_seen) == ["b"]
        for act in (_look, _register):
            assert client.refused(act, "a").code == "PERMISSION_DENIED"
    with client_as(guarded, tmp_path, "eve", "--role", "viewer", "--product", "a") as client:
        assert client(_look, "a") == "1"
        for stage in ("Archived", "Production"):
            assert client.refused(_move, "a", stage).code == "PERMISSION_DENIED"
    with client_of(guarded.url, tmp_path) as client:
        assert client.refused(_seen).code == "UNAUTHENTICATED"
    with open_store(guarded.store, guarded.blobs) as store:
        told = [(one.actor, one.action, one.subject) for one in store.audit.entries(limit=100)]
    assert ("ada", "set-alias", "a") in told
    assert ("bob", "stage", "b@v1") in told
