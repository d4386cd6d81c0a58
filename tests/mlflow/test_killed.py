"""The server is killed, again and again, while the client logs: nothing is lost, nothing counts twice."""

from __future__ import annotations

import random
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from lapwise.store.model import Store
from lapwise.store.open import open_store
from tests.mlflow.driving import client_of, server_of
from tests.ports import fixed_port

pytestmark = pytest.mark.prove

POINTS = 400
KILLS = 5


def test_what_the_client_sent_is_there_once_however_often_the_server_died(
    tmp_path: Path, sqlite_template: Path
) -> None:
    def act(mlflow: Any, points: int) -> Any:
        mlflow.set_experiment("killed")
        with mlflow.start_run() as run:
            for step in range(points):
                mlflow.log_metric("one", step, step=step)
                if step % 10 == 0:
                    mlflow.log_metrics({"many": step, "more": -step}, step=step)
                    mlflow.log_param(f"p{step}", step)
                if step % 50 == 0:
                    mlflow.log_text("x" * step, f"files/{step}.txt")
        return run.info.run_id

    shutil.copy(sqlite_template, tmp_path / "lapwise.db")
    store, blobs = f"sqlite:///{tmp_path}/lapwise.db", f"{tmp_path}/blobs"
    port = str(fixed_port())
    dice = random.Random(7)
    settings = {"MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "10"}
    with client_of(f"http://127.0.0.1:{port}", tmp_path, **settings) as client:
        found: list[str] = []
        logging = threading.Thread(target=lambda: found.append(client(act, POINTS)))
        for _ in range(KILLS):
            with server_of(store, blobs, tmp_path, "--port", port) as server:
                if logging.ident is None:
                    logging.start()
                _wait_for_more(store, blobs)
                time.sleep(dice.uniform(0, 0.2))
                server.process.kill()
        assert logging.is_alive(), "it was over before the last kill: log more"
        with server_of(store, blobs, tmp_path, "--port", port):
            logging.join()
    with open_store(store, blobs) as kept:
        [run] = found
        tens = [*range(0, POINTS, 10)]
        assert [one.value for one in kept.runs.history(run, "one")] == [*range(POINTS)]
        assert [one.value for one in kept.runs.history(run, "many")] == tens
        assert [one.value for one in kept.runs.history(run, "more")] == [-step for step in tens]
        assert len(kept.runs.params([run])[run]) == len(tens)
        files = kept.runs.artifacts(run)
        assert sorted(one.size for one in files) == [*range(0, POINTS, 50)]
        assert all(len(kept.blobs.get(one.digest)) == one.size for one in files)


def _wait_for_more(store: str, blobs: str) -> None:
    """Wait until the client has logged something to the server that runs now."""
    with open_store(store, blobs) as kept:
        before = _count(kept)
        while _count(kept) == before:
            time.sleep(0.02)


def _count(kept: Store) -> int:
    return sum(len(kept.runs.history(run.id, "one")) for run in kept.runs.list("killed"))
