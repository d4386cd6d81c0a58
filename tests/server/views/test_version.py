"""What the pages of a model and of a version say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lapwise.core.model import Metric, Run, Tag
from lapwise.server.assets import Assets
from lapwise.server.rendering import Renderer
from lapwise.server.views.model import model_page
from lapwise.server.views.version import version_page
from lapwise.store.model import Store
from lapwise.store.open import open_store
from tests.store import making


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Yield a store with a version that an MLflow client registered, and two aliases of it."""
    with open_store(f"sqlite:///{tmp_path}/lapwise.db", str(tmp_path / "blobs")) as store:
        store.runs.create(Run(id="r", number=0, experiment="iris", status="finished", started=1))
        metrics = [Metric(name="acc", value=0.9), Metric(name="system/cpu", value=50.0)]
        store.runs.log("r", metrics=metrics)
        kept = msgspec.structs.replace(
            making.version("iris", run_id="r"), format="mlflow", serving="none", parity="kept"
        )
        store.models.add(kept, making.act())
        store.labels.set("alias", "iris", [Tag(name="a", value="1"), Tag(name="b", value="1")])
        yield store


def text(template: str, facts: dict[str, object]) -> str:
    shown = {"products": ("iris",), "product": "iris", "here": "versions", "who": ""}
    return Renderer(Assets()).render(template, **shown, **facts)


def test_a_version_that_answers_nothing_says_so_and_offers_no_approval(store: Store) -> None:
    facts = version_page(store, "iris", 1)
    page = text("version.html", facts)
    assert "lapwise approve" not in page
    assert "nothing to approve" in page
    assert 'from <a href="/runs/1">run 001</a>: kept.' in page
    assert ">@a<" in page
    assert ">@b<" in page


def test_what_the_machine_did_is_no_metric_of_a_version(store: Store) -> None:
    assert [one.name for one in version_page(store, "iris", 1)["metrics"]] == ["acc"]
    facts = model_page(store, "iris")
    assert facts["columns"] == ("acc",)
    assert ">@a<" in text("model.html", facts)
    run = next(line for line in version_page(store, "iris", 1)["walk"] if line.what == "run")
    assert "acc=0.9" in run.text
    assert "system/" not in run.text
