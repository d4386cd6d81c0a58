"""Experiments through the client."""

from __future__ import annotations

from typing import Any

import pytest

from lapwise.store.model import Store
from tests.mlflow.driving import Client

pytestmark = pytest.mark.prove


def test_experiments_are_made_renamed_tagged_deleted_and_restored(
    client: Client, experiment: str, kept: Store
) -> None:
    def act(mlflow: Any, name: str) -> Any:
        store = mlflow.MlflowClient()
        id = mlflow.create_experiment(name, tags={"team": "a"})
        store.set_experiment_tag(id, "note", "x")
        store.set_experiment_tag(id, "gone", "y")
        store.delete_experiment_tag(id, "gone")
        store.rename_experiment(id, name + " 2")
        made = store.get_experiment(id)
        mlflow.delete_experiment(id)
        deleted = store.get_experiment(id).lifecycle_stage
        codes = []
        refused: Any = (
            lambda: mlflow.start_run(experiment_id=id),
            lambda: mlflow.create_experiment(name + " 2"),
            lambda: store.set_experiment_tag(id, "note", "z"),
        )
        for ask in refused:
            try:
                ask()
                codes.append("")
            except mlflow.MlflowException as error:
                codes.append(error.error_code)
        hidden = [
            len(mlflow.search_experiments(view, filter_string=f"name = '{name} 2'"))
            for view in (1, 2, 3)
        ]
        store.restore_experiment(id)
        return {
            "id": id,
            "made": [made.name, made.tags, made.lifecycle_stage, made.artifact_location],
            "times": made.creation_time <= made.last_update_time,
            "deleted": deleted,
            "codes": codes,
            "hidden": hidden,
            "restored": store.get_experiment_by_name(name + " 2").lifecycle_stage,
            "old": store.get_experiment_by_name(name),
        }

    found = client(act, experiment)
    id = found["id"]
    assert found["made"] == [
        experiment + " 2",
        {"team": "a", "note": "x"},
        "active",
        f"mlflow-artifacts:/{id}",
    ]
    assert found["times"]
    assert (found["deleted"], found["restored"], found["old"]) == ("deleted", "active", None)
    assert found["codes"] == [
        "INVALID_PARAMETER_VALUE",
        "RESOURCE_ALREADY_EXISTS",
        "INVALID_PARAMETER_VALUE",
    ]
    assert found["hidden"] == [0, 1, 1]
    assert kept.experiments.get(id).name == experiment + " 2"


def test_the_default_experiment_is_there_as_zero(client: Client) -> None:
    def act(mlflow: Any) -> Any:
        found = mlflow.get_experiment("0")
        run = mlflow.MlflowClient().create_run("0")
        named = mlflow.get_experiment_by_name("Default")
        return [found.name, found.experiment_id, named.experiment_id, run.info.experiment_id]

    assert client(act) == ["Default", "0", "0", "0"]


def test_experiments_are_searched_and_paged(client: Client, experiment: str) -> None:
    def act(mlflow: Any, name: str) -> Any:
        store = mlflow.MlflowClient()
        for at in range(5):
            mlflow.create_experiment(
                f"{name} {at}", tags={"kind": "even" if at % 2 == 0 else "odd"}
            )
        of = f"name LIKE '{name}%'"
        found, token = [], None
        while True:
            page = store.search_experiments(
                filter_string=of, order_by=["name ASC"], max_results=2, page_token=token
            )
            found.append([one.name[-1] for one in page])
            token = page.token
            if not token:
                break
        odd = store.search_experiments(filter_string=f"{of} AND tags.kind = 'odd'")
        newest = store.search_experiments(filter_string=of, order_by=["creation_time DESC"])
        return [found, sorted(one.name[-1] for one in odd), len(newest)]

    found, odd, count = client(act, experiment)
    assert found == [["0", "1"], ["2", "3"], ["4"]]
    assert odd == ["1", "3"]
    assert count == 5


def test_an_experiment_that_is_called_by_a_number_is_not_taken_for_another(
    client: Client, experiment: str
) -> None:
    def act(mlflow: Any, first: str) -> Any:
        store = mlflow.MlflowClient()
        one = mlflow.create_experiment(first)
        two = mlflow.create_experiment(one)
        return [
            store.get_experiment_by_name(one).experiment_id == two,
            store.get_experiment(one).name == first,
            mlflow.set_experiment(one).experiment_id == two,
            mlflow.start_run().info.experiment_id == two,
        ]

    assert client(act, experiment) == [True] * 4
