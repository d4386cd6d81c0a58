"""Fill an MLflow database as its users do; run by MLflow's own interpreter: past.py FOLDER URI [POINTS].

Deleted things, nested artifacts, NaN and infinity, names that try what a name may be, a registry
with stages, aliases and a deleted version.
"""

# mypy: ignore-errors
import math
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import mlflow  # noqa: E402
from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param, RunTag  # noqa: E402


def fill(folder: Path, uri: str, points: int) -> None:
    """Fill the store at ``uri``, artifacts below ``folder`` if it is a database."""
    mlflow.set_tracking_uri(uri)
    client = MlflowClient()
    place = {} if uri.startswith("http") else {"artifact_location": (folder / "mlruns").as_uri()}
    first = client.create_experiment("Fraud / Über 日本", tags={"team": "a'b"}, **place)
    gone = client.create_experiment("gone", **place)
    run = client.create_run(
        first, run_name="weird 'name' \"quoted\" % _", tags={"mlflow.user": "ada"}
    )
    id = run.info.run_id
    client.log_batch(
        id,
        params=[Param("lr", "0.10"), Param("a/b c.d-e_f", "x" * 600), Param("empty", "")],
        tags=[RunTag("note", "line\nbreak"), RunTag("émoji", "🙂")],
    )
    client.log_metric(id, "odd", math.nan, step=0, timestamp=1000)
    client.log_metric(id, "odd", math.inf, step=1, timestamp=1000)
    client.log_metric(id, "odd", -math.inf, step=2, timestamp=1000)
    client.log_metric(id, "odd", 0.5, step=-3, timestamp=999)
    for begin in range(0, points, 1000):
        many = range(begin, min(begin + 1000, points))
        client.log_batch(id, metrics=[Metric("loss", 1 / (1 + n), n, n) for n in many])
    client.log_text(id, "deep", "a/b/c/deep.txt")
    client.log_text(id, "", "empty.txt")
    client.log_text(id, "umlaut", "ä b/ü.txt")
    big = folder / "big.bin"
    big.write_bytes(bytes(range(256)) * 8192)
    client.log_artifact(id, str(big))
    dataset = mlflow.data.from_numpy(__import__("numpy").ones((3, 2)), name="rows")
    with mlflow.start_run(run_id=id):
        mlflow.log_input(dataset, context="training")
    child = client.create_run(first, tags={"mlflow.parentRunId": id})
    client.set_terminated(child.info.run_id, "KILLED")
    deleted = client.create_run(first, run_name="deleted")
    client.log_metric(deleted.info.run_id, "m", 1.0)
    client.set_terminated(deleted.info.run_id, "FAILED")
    client.delete_run(deleted.info.run_id)
    inside = client.create_run(gone, run_name="of a deleted experiment")
    client.log_param(inside.info.run_id, "p", "1")
    client.set_terminated(inside.info.run_id)
    client.delete_experiment(gone)
    _register(client, first, id)


def _register(client: MlflowClient, experiment: str, run: str) -> None:
    class Doubled(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input, params=None):  # noqa: ANN001, ANN202
            return model_input

    mlflow.set_experiment(experiment_id=experiment)
    with mlflow.start_run(run_name="trained"):
        logged = mlflow.pyfunc.log_model(name="model", python_model=Doubled(), pip_requirements=[])
        mlflow.log_metric("acc", 0.9, model_id=logged.model_id)
    client.create_registered_model("My Model", tags={"owner": "ada"}, description="what it is")
    source = f"models:/{logged.model_id}"
    for _ in range(4):
        client.create_model_version("My Model", source, model_id=logged.model_id, description="d")
    client.transition_model_version_stage("My Model", "1", "Production")
    client.transition_model_version_stage("My Model", "2", "Production")
    client.transition_model_version_stage("My Model", "3", "Archived")
    client.set_registered_model_alias("My Model", "champion", "2")
    client.set_model_version_tag("My Model", "2", "k", "v")
    client.delete_model_version("My Model", "4")
    client.create_model_version("My Model", source, model_id=logged.model_id)
    client.create_registered_model("empty one")


if __name__ == "__main__":
    fill(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 100)
