"""An MLflow database as a release of years ago left it, made by hand."""

from __future__ import annotations

import sqlite3
from pathlib import Path

# The tables of MLflow as they were years ago: no inputs, no registry, no NaN.
OLD = """
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT, artifact_location TEXT,
    lifecycle_stage TEXT);
CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, status TEXT, start_time BIGINT,
    end_time BIGINT, user_id TEXT, lifecycle_stage TEXT, artifact_uri TEXT, experiment_id INTEGER);
CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
CREATE TABLE metrics (key TEXT, value FLOAT, timestamp BIGINT, run_uuid TEXT);
INSERT INTO experiments VALUES (0, 'Default', '', 'active'), (7, '8', '', 'deleted');
INSERT INTO runs VALUES ('a1', NULL, 'FINISHED', 1000, 2000, NULL, 'active', :place, 0),
    ('a2', 'late', 'RUNNING', NULL, NULL, 'ada', 'deleted', NULL, 7);
INSERT INTO params VALUES ('p', '1', 'a1'), ('p', '2', 'a2');
INSERT INTO tags VALUES ('t', NULL, 'a1');
INSERT INTO metrics VALUES ('m', 0.5, 10, 'a1'), ('m', 0.25, 20, 'a1'),
    ('m', 1.7976931348623157e308, 30, 'a1');
"""


def old(folder: Path, place: str) -> str:
    """Make it in a folder, run `a1` saying that its artifacts are at `place`; return its address."""
    path = folder / "mlflow.db"
    with sqlite3.connect(path) as connection:
        for statement in OLD.split(";"):
            named = {"place": place} if ":place" in statement else {}
            connection.execute(statement, named)
    connection.close()
    return f"sqlite:///{path}"
