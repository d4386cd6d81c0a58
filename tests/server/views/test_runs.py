"""What the pages of runs say is the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from lapwise.core.errors import DeclarationError, NotFoundError, TrackingError
from lapwise.core.model import Metric, Run
from lapwise.server.views.comparison import comparison_page
from lapwise.server.views.run import run_page
from lapwise.server.views.runs import Asked, runs_page
from lapwise.store.model import Store
from lapwise.store.open import open_database, open_store
from tests.server.sweep import CHILD, NAMES, SWEPT, WIDE, fill
from tests.store import servers


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("views")
    if request.param == "sqlite":
        shutil.copy(sqlite_template, folder / "lapwise.db")
        with open_store(f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs") as store:
            fill(store)
            yield store
        return
    with servers.postgresql() as url:
        servers.make_database(url, "views", "template1")
        where = servers.in_database(url, "views")
        open_database(where).close()
        with open_store(where, f"{folder}/blobs") as store:
            fill(store)
            yield store


def test_a_page_of_runs(store: Store) -> None:
    facts = runs_page(store, Asked(where="metrics.auc > 0.7", order="metrics.auc DESC"))
    values = [line.values[0] for line in facts["lines"]]
    assert values == sorted(values, reverse=True)
    assert [one.name for one in facts["headings"]][:3] == ["auc", "loss", "odd name"]
    assert facts["headings"][0].sorted == "desc"
    assert "order=metrics.auc+ASC" in facts["headings"][0].address
    assert facts["next"] == ""
    assert set(facts["experiments"]) >= {"churn", "flights"}  # another test adds one of its own


def test_pages_lead_on_and_nothing_is_said_twice(store: Store) -> None:
    asked, seen = Asked(), []
    for _ in range(5):
        facts = runs_page(store, asked)
        seen += [line.row.number for line in facts["lines"]]
        if not facts["next"]:
            break
        after = facts["next"].partition("after=")[2]
        asked = Asked(after=after)
    assert seen == list(range(CHILD, 0, -1))


def test_columns_that_nobody_chose_are_what_differs(store: Store) -> None:
    facts = runs_page(store, Asked(experiment="churn"))
    assert {"auc", "lr", "depth"} <= {one.name for one in facts["headings"]}
    assert len(facts["headings"]) <= 8
    bad = runs_page(store, Asked(where="metrics.auc >"))
    assert "column" in bad["problem"].error
    chosen = runs_page(store, Asked(columns="tags.owner, metrics.`odd name`", where="number = 4"))
    assert chosen["lines"][0].values[0] == "bob"


def test_one_run(store: Store) -> None:
    facts = run_page(store, "4", find="", at=0, show="table.csv")
    assert facts["text"].startswith("a,b\n")
    assert [chart.metric for chart in facts["charts"]] == ["loss"]
    assert [chart.metric for chart in facts["machine"]] == ["system/cpu"]
    assert len(facts["charts"][0].figure["data"][0]["x"]) <= 320
    assert [one.artifact.name for one in facts["pictures"]] == ["plots/roc.png"]
    assert ("polars", "2.2") in facts["packages"]
    with pytest.raises(NotFoundError):
        run_page(store, "999", find="", at=0, show="")


def test_a_wide_run_is_shown_a_part_at_a_time(store: Store) -> None:
    facts = run_page(store, str(WIDE), find="", at=0, show="")
    assert (len(facts["metrics"]), facts["metric_count"]) == (100, NAMES + 3)
    assert facts["next"]
    assert [run.number for run, _ in facts["children"].rows] == [CHILD]
    assert facts["charts"][0].metric == "loss"
    found = run_page(store, str(WIDE), find="LAYER.0004", at=0, show="")
    assert [one.name for one in found["metrics"]] == [f"layer.0004{n}" for n in range(10)]
    assert run_page(store, str(CHILD), find="", at=0, show="")["parent"] == WIDE


def test_parts_of_a_run_are_a_table_of_what_most_of_them_logged(store: Store) -> None:
    """What the machine did is no column, and the list of runs shows the same parts."""
    whole = store.runs.get("1")
    for number, metrics in enumerate(({"auc": 0.7, "system/cpu": 3.0}, {"auc": 0.8, "f1": 0.5})):
        name = f"part{number}{whole.id}"
        store.runs.create(
            Run(
                id=name,
                number=0,
                experiment="parts",
                status="finished",
                started=1,
                archived=False,
                parent=whole.id,
            )
        )
        store.runs.log(name, metrics=[Metric(name=key, value=metrics[key]) for key in metrics])
    facts = run_page(store, "1", find="", at=0, show="")
    parts = facts["children"]
    assert parts.names == ["auc", "f1"]
    assert [values for _, values in parts.rows] == [[0.8, 0.5], [0.7, None]]
    listed = runs_page(store, Asked(experiment="parts"))["lines"]
    assert [line.row.part_of for line in listed] == [1, 1]
    for run, _ in parts.rows:
        store.runs.update(run.id, archived=True)


def test_an_experiment_may_be_asked_for_by_its_number(store: Store) -> None:
    """As addresses that MLflow's clients print do."""
    number = store.experiments.get("churn").number
    facts = runs_page(store, Asked(experiment=str(number)))
    assert facts["asked"].experiment == "churn"
    assert {line.row.experiment for line in facts["lines"]} == {"churn"}
    assert runs_page(store, Asked(experiment="0"))["asked"].experiment == "Default"
    assert runs_page(store, Asked(experiment="nobody"))["lines"] == []


def test_a_comparison_page(store: Store) -> None:
    few = comparison_page(store, ["1", "2"], by="", draw="")
    assert few["beside"]
    assert few["packages"] == ("polars 2.1 → 2.2", "xgboost – → 3.0")
    many = comparison_page(store, [str(n) for n in range(1, SWEPT + 1)], by="", draw="")
    assert not many["beside"]
    assert many["shown"][0].name == "lr"
    assert len(many["figure"]["data"]) == many["curves"] == 12
    with pytest.raises(TrackingError):
        comparison_page(store, [], by="", draw="")
    with pytest.raises(DeclarationError, match="too many"):
        comparison_page(store, ["1"] * 501, by="", draw="")
