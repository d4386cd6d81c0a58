"""What a user's script logs, and reads again, with the client from PyPI."""

from __future__ import annotations

import math
from typing import Any

import httpx
import pytest

from lapwise.store.model import Store
from tests.mlflow.driving import Client, Server

pytestmark = pytest.mark.prove


def test_the_client_is_the_one_that_is_promised(client: Client) -> None:
    assert client.version == "3.17.2"


def test_what_a_run_logs_is_what_the_client_reads_again(client: Client, experiment: str) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        mlflow.set_experiment(experiment)
        with mlflow.start_run(run_name="first", tags={"team": "a"}, description="a note") as run:
            mlflow.log_param("lr", 0.10)
            mlflow.log_params({"depth": 3, "kind": "forest", "exact": "0.10"})
            mlflow.log_metric("loss", 0.5)
            mlflow.log_metrics({"auc": 0.7, "f1": 0.6}, step=4)
            mlflow.set_tag("owner", "anna")
            mlflow.set_tags({"a/b": "1", "gone": "2"})
            mlflow.delete_tag("gone")
        found = mlflow.get_run(run.info.run_id)
        return [found.info.status, found.info.run_name, found.data.to_dictionary()]

    status, name, data = client(act, experiment)
    assert (status, name) == ("FINISHED", "first")
    assert data["params"] == {"lr": "0.1", "depth": "3", "kind": "forest", "exact": "0.10"}
    assert data["metrics"] == {"loss": 0.5, "auc": 0.7, "f1": 0.6}
    tags = data["tags"]
    assert tags["team"] == "a"
    assert tags["owner"] == "anna"
    assert tags["a/b"] == "1"
    assert tags["mlflow.note.content"] == "a note"
    assert tags["mlflow.runName"] == "first"
    assert "gone" not in tags


def test_an_mlflow_run_is_a_lapwise_run(client: Client, experiment: str, kept: Store) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        mlflow.set_experiment(experiment)
        with mlflow.start_run(run_name="outer") as outer:
            mlflow.log_metric("auc", 0.7, step=2)
            with mlflow.start_run(nested=True) as inner:
                mlflow.log_param("lr", "0.10")
                mlflow.log_text("words", "notes/day.txt")
        return [outer.info.run_id, inner.info.run_id, outer.info.user_id]

    outer, inner, user = client(act, experiment)
    run = kept.runs.get(outer)
    assert (run.experiment, run.name, run.status, run.user) == (
        experiment,
        "outer",
        "finished",
        user,
    )
    assert run.beat is None
    assert run.ended is not None
    assert run.ended >= run.started > 0
    assert kept.runs.get(inner).parent == outer
    assert [(one.name, one.value) for one in kept.runs.params([inner])[inner]] == [("lr", "0.10")]
    [metric] = kept.runs.metrics([outer])[outer]
    assert (metric.name, metric.value, metric.step) == ("auc", 0.7, 2)
    [artifact] = kept.runs.artifacts(inner)
    assert artifact.name == "notes/day.txt"
    assert kept.blobs.get(artifact.digest) == b"words"
    found = kept.runs.search("metrics.auc > 0.6", experiments=[experiment]).items
    assert [one.run.id for one in found] == [outer]


def test_numbers_that_are_none_and_steps_below_zero_come_back(
    client: Client, experiment: str
) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        mlflow.set_experiment(experiment)
        with mlflow.start_run() as run:
            for step, value in (
                (-3, float("inf")),
                (0, 1.5),
                (1, float("-inf")),
                (7, float("nan")),
            ):
                mlflow.log_metric("odd", value, step=step)
        history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "odd")
        last = mlflow.get_run(run.info.run_id).data.metrics["odd"]
        return [[one.step, repr(one.value)] for one in history] + [repr(last)]

    assert client(act, experiment) == [
        *([-3, "inf"], [0, "1.5"], [1, "-inf"], [7, "nan"]),
        "nan",
    ]


def test_a_long_history_comes_whole_and_a_chart_of_it_is_bounded(
    client: Client, server: Server, experiment: str
) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        from mlflow.entities import Metric  # type: ignore[import-not-found,unused-ignore]

        mlflow.set_experiment(experiment)
        store = mlflow.MlflowClient()
        run = store.create_run(mlflow.get_experiment_by_name(experiment).experiment_id)
        id = run.info.run_id
        for start in range(0, 30_000, 1000):
            steps = range(start, start + 1000)
            store.log_batch(id, metrics=[Metric("loss", 1 / (at + 1), at, at) for at in steps])
        history = store.get_metric_history(id, "loss")
        return [id, [one.step for one in history] == list(range(30_000)), history[-1].value]

    run, whole, last = client(act, experiment)
    assert whole
    assert last == 1 / 30_000
    # The client's own store samples a page of the history; the chart of MLflow's page asks for this.
    asked: dict[str, Any] = {"run_ids": [run], "metric_key": "loss", "max_results": 320}
    asked |= {"start_step": 0, "end_step": 29_999}
    answer = httpx.get(
        f"{server.url}/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", params=asked
    )
    thinned = answer.json()["metrics"]
    assert 100 < len(thinned) <= 320
    assert (thinned[0]["step"], thinned[-1]["step"]) == (0, 29_999)


def test_asynchronous_logging_loses_nothing(client: Client, experiment: str) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        mlflow.set_experiment(experiment)
        with mlflow.start_run() as run:
            for step in range(500):
                mlflow.log_metric("loss", step, step=step, synchronous=False)
            mlflow.log_params({f"p{at}": at for at in range(50)}, synchronous=False)
            mlflow.flush_async_logging()
        found = mlflow.get_run(run.info.run_id)
        history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")
        return [[one.value for one in history] == list(range(500)), len(found.data.params)]

    assert client(act, experiment) == [True, 50]


def test_a_run_goes_on_where_it_ended(client: Client, experiment: str) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        mlflow.set_experiment(experiment)
        with mlflow.start_run() as run:
            mlflow.log_metric("loss", 1)
        with mlflow.start_run(run_id=run.info.run_id):
            open = mlflow.get_run(run.info.run_id).info.status
            mlflow.log_metric("loss", 2, step=1)
        store = mlflow.MlflowClient()
        store.update_run(run.info.run_id, status="KILLED", name="renamed")
        found = mlflow.get_run(run.info.run_id)
        return [open, found.info.status, found.info.run_name, found.data.metrics["loss"]]

    assert client(act, experiment) == ["RUNNING", "KILLED", "renamed", 2]


def test_a_run_that_raises_is_failed(client: Client, experiment: str, kept: Store) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        mlflow.set_experiment(experiment)
        run = mlflow.start_run()
        try:
            with run:
                raise RuntimeError("no")
        except RuntimeError:
            return run.info.run_id

    assert kept.runs.get(client(act, experiment)).status == "failed"


def test_deleted_runs_are_hidden_take_nothing_and_come_back(
    client: Client, experiment: str, kept: Store
) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        from mlflow.entities import ViewType

        id = mlflow.set_experiment(experiment).experiment_id
        with mlflow.start_run() as run:
            mlflow.log_metric("loss", 1)
        store, name = mlflow.MlflowClient(), run.info.run_id
        store.delete_run(name)
        hidden = [len(store.search_runs([id], run_view_type=view)) for view in (1, 2, 3)]
        stage = store.get_run(name).info.lifecycle_stage
        try:
            store.log_metric(name, "loss", 2)
            refused = ""
        except mlflow.MlflowException as error:
            refused = f"{error.error_code}: {error}"
        store.restore_run(name)
        store.log_metric(name, "loss", 3, step=1)
        shown = len(store.search_runs([id], run_view_type=ViewType.ACTIVE_ONLY))
        return [name, hidden, stage, refused, shown, store.get_run(name).data.metrics["loss"]]

    name, hidden, stage, refused, shown, last = client(act, experiment)
    assert hidden == [0, 1, 1]
    assert stage == "deleted"
    assert refused.startswith("INVALID_PARAMETER_VALUE")
    assert "'active' state" in refused
    assert (shown, last) == (1, 3)
    assert len(kept.runs.history(name, "loss")) == 2


def test_a_parameter_never_changes(client: Client, experiment: str) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        mlflow.set_experiment(experiment)
        with mlflow.start_run():
            mlflow.log_param("lr", 1)
            mlflow.log_param("lr", 1)
            mlflow.log_param("lr", 2)

    error = client.refused(act, experiment)
    assert error.code == "INVALID_PARAMETER_VALUE"
    assert "Changing param values is not allowed" in error.message


def test_what_is_not_there_is_said_in_the_codes_that_the_client_knows(client: Client) -> None:
    def act(mlflow: Any) -> Any:
        store, found = mlflow.MlflowClient(), []
        asked: Any = (
            lambda: store.get_run("0" * 32),
            lambda: store.get_experiment("987654"),
            lambda: store.get_logged_model("m-" + "0" * 32),
            lambda: store.log_metric("0" * 32, "a", 1),
            lambda: store.search_runs(["0"], filter_string="metrics.a >"),
            lambda: store.create_experiment("Default"),
            lambda: store.search_runs(["0"], order_by=["rubbish"]),
        )
        for ask in asked:
            try:
                ask()
                found.append("nothing")
            except mlflow.MlflowException as error:
                found.append(error.error_code)
        return [*found, store.get_experiment_by_name("no such experiment")]

    missing, wrong = "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"
    exists = "RESOURCE_ALREADY_EXISTS"
    assert client(act) == [*[missing] * 4, wrong, exists, wrong, None]


def test_values_are_cut_where_mlflow_cuts_them_and_names_are_not(
    client: Client, experiment: str
) -> None:
    def act(mlflow: Any, experiment: str) -> Any:
        mlflow.set_experiment(experiment)
        with mlflow.start_run() as run:
            mlflow.log_param("long", "x" * 7000)
            mlflow.set_tag("long", "y" * 9000)
            mlflow.log_metric("k" * 250, 1)
        data, refused = mlflow.get_run(run.info.run_id).data, []
        store = mlflow.MlflowClient()
        logs: Any = (
            lambda: store.log_param(run.info.run_id, "k" * 251, 1),
            lambda: store.log_metric(run.info.run_id, "k" * 251, 1),
            lambda: store.set_tag(run.info.run_id, "k" * 251, "1"),
        )
        for log in logs:
            try:
                log()
                refused.append("")
            except mlflow.MlflowException as error:
                refused.append(error.error_code)
        return [len(data.params["long"]), len(data.tags["long"]), *refused]

    assert client(act, experiment) == [6000, 8000, *["INVALID_PARAMETER_VALUE"] * 3]


def test_a_run_of_lapwise_is_shown_with_its_capture(
    client: Client, experiment: str, kept: Store
) -> None:
    from lapwise.core.model import Capture, Run

    digest = "ab" * 32
    capture = Capture(
        commit="c0ffee",
        dirty=True,
        patch=None,
        packages=digest,
        environment=digest,
        python="3.11",
        platform="Linux",
        cpu="x",
        cores=2,
        memory=1,
        threads=(),
        seed=7,
        command=("python", "train it.py"),
        flags=("dirty",),
    )
    run = kept.runs.create(
        Run(id=digest[:26], number=0, experiment=experiment, status="running", started=1_000_000)
    )
    kept.runs.set_capture(run.id, capture)

    def act(mlflow: Any, id: str, experiment: str) -> Any:
        run = mlflow.get_run(id)
        frame = mlflow.search_runs(experiment_names=[experiment])
        return [run.data.tags, run.info.run_name, run.info.start_time, frame.run_id.tolist()]

    tags, name, begun, found = client(act, run.id, experiment)
    assert tags["mlflow.source.git.commit"] == "c0ffee"
    assert tags["mlflow.source.name"] == "python 'train it.py'"
    assert tags["lapwise.seed"] == "7"
    assert tags["lapwise.flags"] == "dirty"
    assert (name, begun, found) == (f"run {run.number:03d}", 1000, [run.id])
    assert not math.isnan(begun)
