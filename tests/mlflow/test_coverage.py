"""Every address of MLflow's API is served, or refused with a reason; the page says which."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from lapwise.server.app import create_app
from lapwise.server.mlflow.coverage import REASONS, SERVED, Listed, listed
from lapwise.store.model import Store
from lapwise.store.open import open_store
from peers.environment import environment
from scripts import mlflow_docs

ADDRESSES = """
import json, re, warnings
warnings.filterwarnings("ignore")
from mlflow.server import app
from mlflow.server.fastapi_app import create_fastapi_app
from mlflow.server.handlers import get_endpoints
found = {(m, re.sub(r"<(?:path:)?(\\w+)>", r"{\\1}", p)) for p, _, ms in get_endpoints() for m in ms}
for path, methods in create_fastapi_app(app).openapi()["paths"].items():
    found |= {(method.upper(), path) for method in methods}
print(json.dumps(sorted(found)))
"""


@pytest.fixture(scope="session")
def answers(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> list[tuple[Listed, str, int, str]]:
    """What the real application answers at each address, asked for nothing in particular."""
    folder = tmp_path_factory.mktemp("walked")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    with open_store(f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs") as store:
        return asyncio.run(_asked(store))


async def _asked(store: Store) -> list[tuple[Listed, str, int, str]]:
    transport = httpx.ASGITransport(app=cast("Any", create_app(store)))
    found = []
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for one in listed():
            path = re.sub(r"\{[^}]*\}", "7", one.path)
            for address in {path, path.replace("/api/", "/ajax-api/", 1)}:
                answer = await client.request(one.method, address)
                found.append((one, address, answer.status_code, answer.text))
    return found


def test_what_is_listed_as_served_is_served(
    answers: list[tuple[Listed, str, int, str]],
) -> None:
    wrong = [
        (one.method, address, status, text[:100])
        for one, address, status, text in answers
        if one.word == SERVED
        and (status in {405, 501} or status >= 500 or "ENDPOINT_NOT_FOUND" in text)
    ]
    assert wrong == []


def test_what_is_listed_as_refused_says_why(
    answers: list[tuple[Listed, str, int, str]],
) -> None:
    refused = [row for row in answers if row[0].word != SERVED]
    assert len(refused) > 250
    for one, address, status, text in refused:
        body = json.loads(text)
        if one.word == "deletion":  # of a file of a run that is not there
            assert body["error_code"] == "INVALID_PARAMETER_VALUE"
            continue
        assert (status, body["error_code"]) == (501, "NOT_IMPLEMENTED"), (one, address, text)
        if "/mlflow-artifacts/" not in address:
            assert REASONS[one.word] in body["message"]


def test_an_address_that_mlflow_has_not_is_not_there(sqlite_store: Store) -> None:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=cast("Any", create_app(sqlite_store)))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get("/api/2.0/mlflow/nothing/here")

    answer = asyncio.run(ask())
    assert answer.status_code == 404
    assert answer.json()["error_code"] == "ENDPOINT_NOT_FOUND"


def test_each_address_is_listed_once_with_a_known_word() -> None:
    rows = [(one.path, one.method) for one in listed()]
    assert rows == sorted(set(rows))
    assert {one.word for one in listed()} == {SERVED, *REASONS}


def test_the_page_shows_the_list() -> None:
    page = mlflow_docs.PAGE.read_text()
    assert page == mlflow_docs.render(page), "docs/mlflow.md is not what the list says: make docs"


@pytest.mark.prove
def test_the_list_is_that_of_the_real_mlflow() -> None:
    done = subprocess.run(
        [environment("mlflow"), "-c", ADDRESSES], capture_output=True, text=True, check=True
    )
    found = {(method, path) for method, path in json.loads(done.stdout.splitlines()[-1])}
    real = {row for row in found if row[1].startswith(("/api/2", "/api/3"))} | {
        ("POST", "/v1/traces")
    }
    ours = {(one.method, one.path) for one in listed()}
    assert real <= ours
    # Of these MLflow's lists do not tell; the last two it serves below /ajax-api/ alone.
    assert ours - real <= {
        ("GET", "/health"),
        ("GET", "/version"),
        ("POST", "/api/2.0/mlflow/experiments/search-datasets"),
        ("GET", "/api/2.0/mlflow/metrics/get-history-bulk"),
    }
