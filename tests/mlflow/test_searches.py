"""MLflow's searches with its own filters and orders, into data frames too."""

from __future__ import annotations

from typing import Any

import pytest

from tests.mlflow.driving import Client

pytestmark = pytest.mark.prove


def fill(mlflow: Any, experiment: str) -> Any:
    """Six runs: a metric, a parameter, a tag and a dataset each."""
    import pandas as pd

    mlflow.set_experiment(experiment)
    ids = []
    for at in range(6):
        with mlflow.start_run(
            run_name=f"run{at}", tags={"kind": "even" if at % 2 == 0 else "odd"}
        ) as run:
            mlflow.log_metric("auc", at / 10)
            mlflow.log_metric("space in name", at)
            mlflow.log_param("lr", 10.0**-at)
            if at > 3:
                frame = pd.DataFrame({"x": [at]})
                mlflow.log_input(mlflow.data.from_pandas(frame, name=f"data{at}"), context="train")
            ids.append(run.info.run_id)
    mlflow.MlflowClient().set_terminated(ids[0], "FAILED")
    return ids


@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ("metrics.auc > 0.25", [3, 4, 5]),
        ("metrics.auc >= 0.2 and metrics.auc < 0.4", [2, 3]),
        ('metrics."space in name" = 3', [3]),
        ("metrics.`space in name` <= 1", [0, 1]),
        ("params.lr = '0.1'", [1]),
        ("params.lr != '0.1'", [0, 2, 3, 4, 5]),
        ("params.lr LIKE '1e-%'", [5]),
        ("tags.kind = 'even' AND metrics.auc > 0", [2, 4]),
        ("tags.kind ILIKE 'EV%'", [0, 2, 4]),
        ("tags.`mlflow.runName` = 'run3'", [3]),
        ("attributes.run_name = 'run3'", [3]),
        ("run_name LIKE 'run%' and run_name != 'run3'", [0, 1, 2, 4, 5]),
        ("attributes.status = 'FAILED'", [0]),
        ("attribute.status != 'FINISHED'", [0]),
        ("status = 'FINISHED' and metrics.auc <= 0.1", [1]),
        ("attributes.start_time > 0", [0, 1, 2, 3, 4, 5]),
        ("attributes.end_time > 0 and attributes.start_time < 1", []),
        ("datasets.name = 'data4'", [4]),
        ("dataset.name LIKE 'data%'", [4, 5]),
        ("dataset.context = 'train'", [4, 5]),
        ("metrics.none > 0", []),
    ],
)
def test_filters_find_what_they_say(
    client: Client, filled: dict[str, list[str]], filter: str, found: list[int]
) -> None:
    def act(mlflow: Any, experiment: str, filter: str) -> Any:
        found = mlflow.search_runs(
            experiment_names=[experiment], filter_string=filter, output_format="list"
        )
        return [run.info.run_id for run in found]

    [(experiment, ids)] = filled.items()
    assert sorted(ids.index(id) for id in client(act, experiment, filter)) == found


@pytest.mark.parametrize("attribute", ["run_id", "attributes.run_id"])
def test_runs_are_found_by_their_ids(
    client: Client, filled: dict[str, list[str]], attribute: str
) -> None:
    def act(mlflow: Any, experiment: str, filter: str) -> Any:
        found = mlflow.search_runs(
            experiment_names=[experiment], filter_string=filter, output_format="list"
        )
        return [run.info.run_id for run in found]

    [(experiment, ids)] = filled.items()
    asked = f"{attribute} IN ('{ids[1]}', '{ids[4]}')"
    assert sorted(client(act, experiment, asked)) == sorted([ids[1], ids[4]])


@pytest.mark.parametrize(
    ("order", "first"),
    [
        (["metrics.auc DESC"], 5),
        (["metrics.auc ASC"], 0),
        (["params.lr"], 5),  # by number where all are; MLflow's own sorts them as text
        (["tags.kind DESC", "metrics.auc DESC"], 5),
        (["tags.kind ASC", "metrics.auc DESC"], 4),
        (["attributes.start_time DESC"], 5),
        (["start_time ASC"], 0),
        (["attributes.run_name DESC"], 5),
        ([], 5),
    ],
)
def test_orders_order(
    client: Client, filled: dict[str, list[str]], order: list[str], first: int
) -> None:
    def act(mlflow: Any, experiment: str, order: list[str]) -> Any:
        found = mlflow.search_runs(
            experiment_names=[experiment], order_by=order, output_format="list"
        )
        return found[0].info.run_id

    [(experiment, ids)] = filled.items()
    assert ids.index(client(act, experiment, order)) == first


def test_pages_follow_each_other(client: Client, filled: dict[str, list[str]]) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        store, found, token = mlflow.MlflowClient(), [], None
        id = mlflow.get_experiment_by_name(experiment).experiment_id
        while True:
            page = store.search_runs(
                [id], max_results=2, order_by=["metrics.auc DESC"], page_token=token
            )
            found.append([run.info.run_id for run in page])
            token = page.token
            if not token:
                return found

    [(experiment, ids)] = filled.items()
    newest = ids[::-1]
    assert client(act, experiment) == [newest[:2], newest[2:4], newest[4:]]


def test_a_data_frame_has_all_columns(client: Client, filled: dict[str, list[str]]) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        frame = mlflow.search_runs(experiment_names=[experiment], order_by=["metrics.auc ASC"])
        return {
            "columns": sorted(frame.columns),
            "auc": frame["metrics.auc"].tolist(),
            "lr": frame["params.lr"].tolist(),
            "kind": frame["tags.kind"].tolist(),
            "zone": str(frame["start_time"].dt.tz),
        }

    [(experiment, _)] = filled.items()
    frame = client(act, experiment)
    assert {"run_id", "experiment_id", "status", "artifact_uri", "end_time"} <= {*frame["columns"]}
    assert frame["auc"] == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert frame["lr"][:2] == ["1.0", "0.1"]
    assert frame["kind"][:2] == ["even", "odd"]
    assert frame["zone"] == "UTC"


def test_datasets_are_remembered(client: Client, filled: dict[str, list[str]]) -> None:
    def act(mlflow: Any, id: str) -> Any:
        [read] = mlflow.get_run(id).inputs.dataset_inputs
        return [read.dataset.name, read.tags[0].value, "x" in read.dataset.schema]

    [ids] = filled.values()
    assert client(act, ids[5]) == ["data5", "train", True]


@pytest.fixture(scope="module")
def filled(client: Client) -> dict[str, list[str]]:
    """An experiment with six runs: its name, and their ids by age."""
    from lapwise.core.ids import new_id

    experiment = f"filled {new_id()}"
    return {experiment: client(fill, experiment)}
