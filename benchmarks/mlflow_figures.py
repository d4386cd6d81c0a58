"""MLflow's own figures, in an environment of its own: ``mlflow_figures.py WHAT ARGUMENT...``.

``log DATABASE``, ``search DATABASE RUNS``, ``history DATABASE POINTS``, ``batch URI``,
``artifact URI FILE``. Each prints one line of JSON. Runs and points that a benchmark only reads are
put into MLflow's tables directly, which takes seconds where its client would take an hour.
"""

import json
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow  # type: ignore[import-not-found,unused-ignore]  # in an environment of its own
from mlflow.entities import Metric  # type: ignore[import-not-found,unused-ignore]

LOGGED = 300
ASKED = 20
BATCHES = 20
BATCH = 1000
WIDE = 20
SHOWN = 320


def timed(act: Callable[[], object], times: int) -> list[float]:
    """Return the milliseconds of each of several calls."""
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        act()
        spent.append((time.perf_counter() - begun) * 1e3)
    return spent


def experiment(database: str) -> str:
    """Make the database and an experiment in it."""
    mlflow.set_tracking_uri(f"sqlite:///{database}")
    return str(mlflow.set_experiment("bench").experiment_id)


def log(database: str) -> dict[str, float]:
    """Return microseconds of one ``log_metric``."""
    experiment(database)
    with mlflow.start_run():
        mlflow.log_metric("loss", 0.5, step=0)
        begun = time.perf_counter()
        for step in range(1, LOGGED + 1):
            mlflow.log_metric("loss", 0.5, step=step)
        return {"us": (time.perf_counter() - begun) / LOGGED * 1e6}


def search(database: str, runs: str) -> dict[str, list[float]]:
    """Return milliseconds of searches for one metric among runs with 20 parameters and metrics."""
    number = experiment(database)
    connection = sqlite3.connect(database)
    names = [f"{run:032x}" for run in range(int(runs))]
    chance = random.Random(7)
    with connection:
        connection.executemany(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id,"
            " status, start_time, end_time, source_version, lifecycle_stage, artifact_uri,"
            " experiment_id) VALUES (?, ?, 'LOCAL', 'bench', '', 'bench', 'FINISHED', ?, ?, '',"
            " 'active', ?, ?)",
            (
                (name, f"run {at}", at, at + 1, f"mlflow-artifacts:/{name}", int(number))
                for at, name in enumerate(names)
            ),
        )
        connection.executemany(
            "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)",
            ((f"p{at}", str(chance.random()), name) for name in names for at in range(WIDE)),
        )
        rows = [(f"m{at}", chance.random(), name) for name in names for at in range(WIDE)]
        connection.executemany(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
            " VALUES (?, ?, 1, ?, 0, 0)",
            rows,
        )
        connection.executemany(
            "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
            " VALUES (?, ?, 1, 0, 0, ?)",
            rows,
        )
    connection.close()
    client = mlflow.MlflowClient()

    def ask(where: str) -> Callable[[], object]:
        return lambda: client.search_runs([number], where, max_results=100)

    return {
        "few": timed(ask("metrics.m3 > 0.99"), ASKED),
        "many": timed(ask("metrics.m3 > 0.5"), ASKED),
    }


def history(database: str, points: str) -> dict[str, list[float]]:
    """Return milliseconds to get 320 of many points, as MLflow's pages ask for them."""
    experiment(database)
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 0.5, step=0)
    name = run.info.run_id
    connection = sqlite3.connect(database)

    def rows() -> Iterator[tuple[float, int, str, int]]:
        chance = random.Random(7)
        for step in range(1, int(points)):
            yield chance.random(), step, name, step

    with connection:
        connection.executemany(
            "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan)"
            " VALUES ('loss', ?, ?, ?, ?, 0)",
            rows(),
        )
        connection.execute("UPDATE latest_metrics SET step = ?", (int(points) - 1,))
    connection.close()
    store = mlflow.tracking._tracking_service.utils._get_store()  # noqa: SLF001 - no public way

    def ask() -> object:
        return store.get_metric_history_bulk_interval(
            [name], "loss", SHOWN, start_step=None, end_step=None
        )

    return {"ms": timed(ask, 5)}


def batch(uri: str) -> dict[str, float]:
    """Return points a second by ``log_batch`` over HTTP, in the largest batches it takes."""
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("bench")
    client = mlflow.MlflowClient()
    with mlflow.start_run() as run:
        begun = time.perf_counter()
        for number in range(BATCHES):
            steps = range(number * BATCH, (number + 1) * BATCH)
            client.log_batch(run.info.run_id, [Metric("loss", 0.5, 1, step) for step in steps])
        spent = time.perf_counter() - begun
        begun = time.perf_counter()
        for step in range(LOGGED):
            mlflow.log_metric("one", 0.5, step=step)
        single = (time.perf_counter() - begun) / LOGGED * 1e6
    return {"points": BATCHES * BATCH / spent, "us": single}


def peak_mb() -> float:
    """Return the megabytes of this process at its peak; ``getrusage`` begins with its parent's."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def artifact(uri: str, path: str) -> dict[str, float]:
    """Return seconds to send a file, and the megabytes that this process grew by."""
    mlflow.set_tracking_uri(uri)
    mlflow.set_experiment("bench")
    with mlflow.start_run():
        mlflow.log_text("warm", "warm.txt")
        before = peak_mb()
        begun = time.perf_counter()
        mlflow.log_artifact(path)
        spent = time.perf_counter() - begun
        grown = peak_mb() - before
    return {"s": spent, "mb": grown}


if __name__ == "__main__":
    acts = {"log": log, "search": search, "history": history, "batch": batch, "artifact": artifact}
    found = acts[sys.argv[1]](*sys.argv[2:])  # type: ignore[operator]
    print(json.dumps(found))
