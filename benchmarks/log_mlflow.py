"""Log metrics one by one with MLflow into SQLite: ``log_mlflow.py DATABASE``; prints microseconds."""

import sys
import time

import mlflow  # type: ignore[import-not-found,unused-ignore]  # in an environment of its own

POINTS = 300

mlflow.set_tracking_uri(f"sqlite:///{sys.argv[1]}")
mlflow.set_experiment("bench")
with mlflow.start_run():
    mlflow.log_metric("loss", 0.5, step=0)
    started = time.perf_counter()
    for step in range(1, POINTS + 1):
        mlflow.log_metric("loss", 0.5, step=step)
    print((time.perf_counter() - started) / POINTS * 1e6)
