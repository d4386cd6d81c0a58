"""Runs over REST: what the store has, a page at a time, and files that no browser obeys."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from lapwise.core.model import Artifact, Metric, Param, Run, Tag
from lapwise.core.tracked import Experiment, Page, RunInput, RunSummary
from lapwise.store.model import Store
from lapwise.store.open import open_store
from lapwise.tracking import Comparison
from tests.server.conftest import running
from tests.server.sweep import FILES, PATCH, SWEPT, WIDE, fill

API = "/api/v1"


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Any) -> tuple[str, str]:
    folder = tmp_path_factory.mktemp("sweep")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    found = f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs"
    with open_store(*found) as store:
        fill(store)
    return found


@pytest.fixture(scope="module")
def runs_client(where: tuple[str, str]) -> Iterator[httpx.Client]:
    with running(*where) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture
def store(where: tuple[str, str]) -> Iterator[Store]:
    with open_store(*where) as store:
        yield store


def asked(client: httpx.Client, address: str, kind: Any, **query: Any) -> Any:
    response = client.get(API + address, params=query or None)
    assert response.status_code == 200, response.text
    return msgspec.json.decode(response.content, type=kind, strict=True)


def test_every_answer_is_what_the_store_says(runs_client: httpx.Client, store: Store) -> None:
    run = store.runs.get("4")
    assert asked(runs_client, "/runs/4", Run) == run
    assert asked(runs_client, f"/runs/{run.id}", Run) == run
    for address, kind, kept in (
        ("params", list[Param], store.runs.params([run.id])[run.id]),
        ("tags", list[Tag], store.runs.tags([run.id])[run.id]),
        ("inputs", list[RunInput], store.runs.inputs([run.id])[run.id]),
        ("artifacts", list[Artifact], store.runs.artifacts(run.id)),
        ("curve?metric=loss", list[Metric], store.runs.curve(run.id, "loss")),
    ):
        assert asked(runs_client, f"/runs/4/{address}", kind) == list(kept), address
    names = [one.name for one in asked(runs_client, "/experiments", Page[Experiment]).items]
    assert sorted(names) == ["churn", "flights"]


def test_a_metric_that_is_no_number_is_null(runs_client: httpx.Client) -> None:
    found = {one["name"]: one["value"] for one in asked(runs_client, "/runs/4/metrics", list[Any])}
    assert found["odd name"] is None
    assert found["auc"] == pytest.approx(0.7503)


def test_a_search_goes_on_page_by_page(runs_client: httpx.Client, store: Store) -> None:
    query = {"where": "metrics.auc > 0.62 AND NOT tags.owner LIKE 'a%'", "limit": 5}
    query |= {"order": "metrics.auc DESC", "columns": "metrics.auc", "experiments": "churn"}
    found, after = [], ""
    while True:
        page = asked(runs_client, "/runs", Page[RunSummary], **query, after=after)
        found += page.items
        after = page.next
        if not after:
            break
        assert len(page.items) == 5
    values = [one.metrics[0].value for one in found]
    assert values == sorted(values, reverse=True)
    assert len(found) == 14
    whole = store.runs.search(
        str(query["where"]), experiments=["churn"], order=["metrics.auc DESC"], limit=1000
    )
    assert [one.run.id for one in found] == [one.run.id for one in whole.items]
    assert all(len(one.metrics) == 1 and not one.params for one in found)


def test_points_and_curves(runs_client: httpx.Client) -> None:
    first = asked(runs_client, "/runs/4/points", Page[Metric], metric="loss", limit=600)
    rest = asked(runs_client, "/runs/4/points", Page[Metric], metric="loss", after=first.next)
    assert [one.step for one in (*first.items, *rest.items)] == list(range(900))
    curve = asked(runs_client, "/runs/4/curve", list[Metric], metric="loss", points=50)
    assert len(curve) <= 50
    assert (curve[0].step, curve[-1].step) == (0, 899)
    part = asked(runs_client, "/runs/4/curve", list[Metric], metric="loss", start=100, end=200)
    assert {one.step for one in part} <= set(range(100, 200))


def test_a_comparison(runs_client: httpx.Client) -> None:
    found = asked(runs_client, "/comparison", Comparison, runs=",".join(map(str, range(1, 21))))
    assert found.metric == "auc"
    assert found.different[0].name == "lr"


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_saved_and_never_shown(runs_client: httpx.Client, name: str) -> None:
    response = runs_client.get(f"{API}/runs/4/artifacts/content", params={"name": name})
    assert response.status_code == 200
    assert response.content == FILES[name]
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["x-content-type-options"] == "nosniff"
    disposition = response.headers["content-disposition"]
    assert disposition.startswith("attachment; ")
    assert disposition.isascii()
    assert disposition.count('"') == 2


def test_a_download_that_was_cut_goes_on(runs_client: httpx.Client) -> None:
    name = next(name for name in FILES if name.endswith(".bin"))
    response = runs_client.get(
        f"{API}/runs/4/artifacts/content",
        params={"name": name},
        headers={"range": "bytes=10000-"},
    )
    assert response.status_code == 206
    assert response.content == FILES[name][10_000:]


def test_the_patch_and_the_packages_are_files(runs_client: httpx.Client) -> None:
    patch = runs_client.get(f"{API}/runs/4/patch")
    assert patch.text == PATCH
    assert "run-004.patch" in patch.headers["content-disposition"]
    assert "numpy==2.0" in runs_client.get(f"{API}/runs/4/packages").text
    assert runs_client.get(f"{API}/runs/5/patch").status_code == 404


@pytest.mark.parametrize(
    ("address", "status", "word"),
    [
        ("/runs?where=metrics.auc+%3E", 400, "filter"),
        ("/runs?order=;drop", 400, "order"),
        ("/runs?limit=0", 400, "limit"),
        ("/runs?limit=1001", 400, "limit"),
        ("/runs?after=nonsense", 400, ""),
        ("/runs/9999", 404, "run"),
        ("/runs/..%2f..%2fetc", 404, ""),
        ("/runs/4/curve", 400, "metric"),
        ("/runs/4/curve?metric=loss&points=2", 400, "points"),
        ("/runs/4/points?metric=loss&limit=50001", 400, "limit"),
        ("/runs/4/artifacts/content?name=../../lapwise.db", 404, "artifact"),
        ("/runs/4/artifacts/content?name=none", 404, "artifact"),
        ("/comparison?runs=", 400, "compare"),
        ("/comparison?runs=1,9999", 404, "run"),
    ],
)
def test_what_cannot_be_is_a_clear_answer(
    runs_client: httpx.Client, address: str, status: int, word: str
) -> None:
    response = runs_client.get(API + address)
    assert response.status_code == status, response.text
    assert word in response.json()["error"]


def test_the_description_names_every_address(runs_client: httpx.Client) -> None:
    found = runs_client.get(f"{API}/openapi.json").json()["paths"]
    of = f"{API}/runs/{{reference}}"
    parts = ("params", "metrics", "tags", "inputs", "points", "curve", "artifacts", "patch")
    for path in (f"{API}/runs", f"{API}/experiments", of, *(f"{of}/{part}" for part in parts)):
        assert path in found, path


def test_one_of_many_names_is_as_quick_as_any(runs_client: httpx.Client) -> None:
    query = {"where": f"number = {WIDE}", "columns": "metrics.layer.00042"}
    (one,) = asked(runs_client, "/runs", Page[RunSummary], **query).items
    assert [metric.name for metric in one.metrics] == ["layer.00042"]
    rest = {"where": f"number <= {SWEPT}", "columns": "params", "limit": 50}
    assert asked(runs_client, "/runs", Page[RunSummary], **rest).next
