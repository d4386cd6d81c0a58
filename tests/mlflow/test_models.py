"""Models that runs save: logged, loaded, searched; and what autologging leaves."""

from __future__ import annotations

from typing import Any

import pytest

from lapwise.store.model import Store
from tests.mlflow.driving import Client

pytestmark = pytest.mark.prove


def test_a_model_is_logged_and_loaded_by_both_addresses(
    client: Client, experiment: str, kept: Store
) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        from sklearn.datasets import load_iris
        from sklearn.linear_model import LogisticRegression

        mlflow.set_experiment(experiment)
        rows, labels = load_iris(return_X_y=True, as_frame=True)
        model = LogisticRegression(max_iter=200).fit(rows, labels)
        with mlflow.start_run() as run:
            mlflow.log_metric("accuracy", 0.9)
            info = mlflow.sklearn.log_model(
                model,
                name="model",
                input_example=rows[:2],
                params={"max_iter": 200},
                tags={"team": "a"},
                serialization_format="skops",
                skops_trusted_types=["numpy.dtype"],
            )
        expected = model.predict(rows).tolist()
        by_run = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(rows).tolist()
        by_id = mlflow.sklearn.load_model(info.model_uri).predict(rows).tolist()
        logged = mlflow.get_logged_model(info.model_id)
        return {
            "run": run.info.run_id,
            "id": logged.model_id,
            "uri": info.model_uri,
            "same": expected == by_run == by_id,
            "status": str(logged.status),
            "params": logged.params,
            "tags": logged.tags,
            "metrics": [[one.key, one.value] for one in logged.metrics],
            "source": logged.source_run_id,
            "outputs": [
                one.model_id for one in mlflow.get_run(run.info.run_id).outputs.model_outputs
            ],
        }

    found = client(act, experiment)
    assert found["same"]
    assert found["uri"] == f"models:/{found['id']}"
    assert "READY" in found["status"]
    assert found["params"] == {"max_iter": "200"}
    assert found["tags"]["team"] == "a"
    assert found["metrics"] == [["accuracy", 0.9]]
    assert found["source"] == found["run"]
    assert found["outputs"] == [found["id"]]
    model = kept.logged.get(found["id"])
    assert (model.experiment, model.run, model.status) == (experiment, found["run"], "ready")
    names = [one.name for one in kept.logged.artifacts(model.id)]
    assert {"MLmodel", "model.skops", "requirements.txt"} <= {*names}


def test_logged_models_are_searched_tagged_and_deleted(client: Client, experiment: str) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        id = mlflow.set_experiment(experiment).experiment_id
        store, ids, last = mlflow.MlflowClient(), [], ""
        for at in range(3):
            with mlflow.start_run() as run:
                model = mlflow.initialize_logged_model(
                    name=f"model{at}", params={"depth": at}, tags={"kind": "x"}
                )
                mlflow.log_metric("auc", at / 10, model_id=model.model_id)
                mlflow.finalize_logged_model(model.model_id, "READY" if at else "FAILED")
            ids.append(model.model_id)
            last = run.info.run_id
        mlflow.set_logged_model_tags(ids[0], {"owner": "anna", "kind": "y"})
        mlflow.delete_logged_model_tag(ids[0], "owner")
        mlflow.log_model_params({"later": "1"}, model_id=ids[0])

        def search(filter: str, **more: Any) -> list[int]:
            found = mlflow.search_logged_models(
                [id], filter_string=filter, output_format="list", **more
            )
            return [ids.index(one.model_id) for one in found]

        answer = {
            "all": search(""),
            "name": search("name = 'model1'"),
            "metric": search("metrics.auc >= 0.1"),
            "tag": search("tags.kind = 'y'"),
            "param": search("params.depth = '2'"),
            "status": search("status = 'READY'"),
            "run": search(f"source_run_id = '{last}'"),
            "order": search("", order_by=[{"field_name": "metrics.auc", "ascending": True}]),
            "most": search("", max_results=1),
            "tags": mlflow.get_logged_model(ids[0]).tags,
            "params": mlflow.get_logged_model(ids[0]).params,
            "frame": len(mlflow.search_logged_models([id])),
        }
        store.delete_logged_model(ids[1])
        answer["left"] = search("")
        try:
            store.get_logged_model(ids[1])
        except mlflow.MlflowException as error:
            answer["gone"] = error.error_code
        return answer

    found = client(act, experiment)
    assert found["all"] == [2, 1, 0]
    assert found["name"] == [1]
    assert sorted(found["metric"]) == [1, 2]
    assert (found["tag"], found["param"], found["run"]) == ([0], [2], [2])
    assert sorted(found["status"]) == [1, 2]
    assert found["order"] == [0, 1, 2]
    assert found["most"] == [2]
    assert {name: value for name, value in found["tags"].items() if name[:7] != "mlflow."} == {
        "kind": "y"
    }
    assert found["params"] == {"depth": "0", "later": "1"}
    assert found["frame"] == 3
    assert found["left"] == [2, 0]
    assert found["gone"] == "RESOURCE_DOES_NOT_EXIST"


def test_autologging_of_scikit_learn_leaves_all_that_it_promises(
    client: Client, experiment: str, kept: Store
) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        from sklearn.datasets import load_iris
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.model_selection import GridSearchCV

        mlflow.set_experiment(experiment)
        mlflow.sklearn.autolog(log_input_examples=True, max_tuning_runs=2)
        rows, labels = load_iris(return_X_y=True, as_frame=True)
        with mlflow.start_run() as run:
            search = GridSearchCV(
                RandomForestClassifier(n_estimators=3), {"max_depth": [1, 2]}, cv=2
            )
            search.fit(rows, labels)
            search.score(rows[:50], labels[:50])
        mlflow.sklearn.autolog(disable=True)
        found = mlflow.get_run(run.info.run_id)
        children = mlflow.search_runs(
            experiment_names=[experiment],
            filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'",
        )
        return {
            "run": run.info.run_id,
            "params": found.data.params,
            "metrics": sorted(found.data.metrics),
            "files": [one.path for one in mlflow.MlflowClient().list_artifacts(run.info.run_id)],
            "inputs": [one.dataset.source_type for one in found.inputs.dataset_inputs],
            "models": len(found.outputs.model_outputs),
            "children": len(children),
            "best": sorted(name for name in children.columns if name.startswith("params.")),
        }

    found = client(act, experiment)
    assert found["params"]["cv"] == "2"
    assert "best_max_depth" in found["params"]
    assert "best_cv_score" in found["metrics"]
    assert "training_accuracy_score" in found["metrics"]
    assert "cv_results.csv" in found["files"]
    assert "training_confusion_matrix.png" in found["files"]
    assert found["inputs"]
    assert found["models"] >= 1
    assert found["children"] == 2
    assert "params.max_depth" in found["best"]
    assert kept.runs.get(found["run"]).status == "finished"


def test_a_model_among_the_artifacts_of_a_run_is_noted_as_old_clients_do(
    client: Client, experiment: str
) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        import json

        from mlflow.models import Model  # type: ignore[import-not-found,unused-ignore]

        mlflow.set_experiment(experiment)
        with mlflow.start_run() as run:
            store = mlflow.MlflowClient()
            for path in ("one", "two"):
                model = Model(artifact_path=path, run_id=run.info.run_id)
                model.add_flavor("python_function", loader_module="x")
                store._record_logged_model(run.info.run_id, model)
        tag = mlflow.get_run(run.info.run_id).data.tags["mlflow.log-model.history"]
        return [one["artifact_path"] for one in json.loads(tag)]

    assert client(act, experiment) == ["one", "two"]
