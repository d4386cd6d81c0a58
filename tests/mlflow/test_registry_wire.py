"""The registry over plain HTTP: what a client that is none may send, and what it is told."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias, cast

import httpx
import pytest

from lapwise.server.app import create_app
from lapwise.store.model import Store
from lapwise.store.open import open_store

Ask: TypeAlias = Callable[..., tuple[int, Any]]
ROOT = "/api/2.0/mlflow/"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("wire")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    with open_store(f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs") as opened:
        yield opened


@pytest.fixture(scope="module")
def ask(store: Store) -> Ask:
    """Ask the real application: method, path, and JSON or a query."""
    app = cast("Any", create_app(store))

    async def asked(method: str, path: str, more: dict[str, Any]) -> tuple[int, Any]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            answer = await client.request(method, ROOT + path, **more)
            return answer.status_code, answer.json()

    return lambda method, path, **more: asyncio.run(asked(method, path, more))


@pytest.fixture(scope="module")
def named(ask: Ask) -> Ask:
    """The same, with a model `m` that has three versions."""
    assert ask("POST", "registered-models/create", json={"name": "m"})[0] == 200
    for _ in range(3):
        asked = {"name": "m", "source": "s3://b/m", "unknown": [1]}
        assert ask("POST", "model-versions/create", json=asked)[0] == 200
    return ask


def test_a_version_is_whole_in_its_answer(named: Ask) -> None:
    status, found = named("GET", "model-versions/get", params={"name": "m", "version": "2"})
    version = found["model_version"]
    assert status == 200
    assert {
        key: version[key] for key in ("name", "version", "current_stage", "status", "source")
    } == {
        "name": "m",
        "version": "2",
        "current_stage": "None",
        "status": "READY",
        "source": "s3://b/m",
    }
    assert version["creation_timestamp"] == version["last_updated_timestamp"]


def test_a_form_of_another_site_is_not_read(ask: Ask) -> None:
    status, found = ask("POST", "registered-models/create", data={"name": "x"})
    assert (status, found["error_code"]) == (415, "BAD_REQUEST")


def test_a_search_without_a_size_gives_everything(named: Ask) -> None:
    _, found = named("GET", "model-versions/search")
    assert {one["version"] for one in found["model_versions"]} == {"3", "2", "1"}
    _, page = named("GET", "model-versions/search", params={"max_results": 2})
    _, rest = named(
        "GET",
        "model-versions/search",
        params={"max_results": 2, "page_token": page["next_page_token"]},
    )
    assert len(rest["model_versions"]) == 1
    assert "next_page_token" not in rest


@pytest.mark.parametrize(
    ("method", "path", "more", "code"),
    [
        ("POST", "registered-models/create", {"json": {}}, "INVALID_PARAMETER_VALUE"),
        ("POST", "registered-models/create", {"json": {"name": "m"}}, "RESOURCE_ALREADY_EXISTS"),
        ("POST", "registered-models/create", {"json": {"name": 7}}, "INVALID_PARAMETER_VALUE"),
        ("POST", "registered-models/create", {"content": "{", "headers": JSON}, "BAD_REQUEST"),
        ("POST", "registered-models/create", {"content": "[]", "headers": JSON}, "BAD_REQUEST"),
        ("GET", "registered-models/get", {"params": {"name": "no"}}, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", "registered-models/search", {"params": {"filter": "("}}, "INVALID_PARAMETER_VALUE"),
        (
            "GET",
            "registered-models/search",
            {"params": {"max_results": 1001}},
            "INVALID_PARAMETER_VALUE",
        ),
        ("GET", "model-versions/get", {"params": {"name": "m"}}, "INVALID_PARAMETER_VALUE"),
        (
            "GET",
            "model-versions/get",
            {"params": {"name": "m", "version": "٣"}},
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "GET",
            "model-versions/get",
            {"params": {"name": "m", "version": "9" * 30}},
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "GET",
            "model-versions/get",
            {"params": {"name": "m@v1", "version": "1"}},
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "model-versions/create",
            {"json": {"name": "m", "source": "/etc"}},
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "model-versions/create",
            {"json": {"name": "m", "source": "s3://b/m", "run_id": "none"}},
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            "POST",
            "model-versions/create",
            {"json": {"name": "new", "source": "s3://b/m"}},
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            "POST",
            "model-versions/transition-stage",
            {"json": {"name": "m", "version": "1", "stage": "Canary"}},
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "model-versions/transition-stage",
            {
                "json": {
                    "name": "m",
                    "version": "1",
                    "stage": "Archived",
                    "archive_existing_versions": True,
                }
            },
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "model-versions/set-tag",
            {"json": {"name": "m", "version": "1", "key": "lapwise.runLink", "value": "x"}},
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "registered-models/set-tag",
            {"json": {"name": "m", "key": "k", "value": "x" * 100_001}},
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "GET",
            "registered-models/alias",
            {"params": {"name": "m", "alias": "none"}},
            "INVALID_PARAMETER_VALUE",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_mlflows_words(
    named: Ask, method: str, path: str, more: dict[str, Any], code: str
) -> None:
    status, found = named(method, path, **more)
    assert (status, found["error_code"]) == (404 if "NOT_EXIST" in code else 400, code), found


def test_a_stage_is_what_it_is_called_however_it_is_written(named: Ask) -> None:
    asked = {"name": "m", "version": "1", "stage": "pRoDuCtIoN"}
    status, found = named("POST", "model-versions/transition-stage", json=asked)
    assert (status, found["model_version"]["current_stage"]) == (200, "Production")
