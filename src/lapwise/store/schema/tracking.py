"""Tables of experiments, runs and logged models."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from lapwise.store.schema.metadata import Sequence, metadata

__all__ = [
    "artifact",
    "batch",
    "experiment",
    "label",
    "logged_artifact",
    "logged_metric",
    "logged_model",
    "logged_param",
    "metric_chunk",
    "metric_key",
    "metric_latest",
    "param",
    "run",
    "run_blob",
    "run_input",
    "run_output",
    "tag",
]

experiment = Table(
    "experiment",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False, unique=True),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("archived", Integer, nullable=False, server_default="0"),
)

run = Table(
    "run",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("experiment", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("lap", Text, index=True),
    Column("name", Text, nullable=False, server_default=""),
    Column("user", Text, nullable=False, server_default=""),
    Column("started", BigInteger, nullable=False, server_default="0"),
    Column("ended", BigInteger),
    Column("parent", Text, index=True),
    Column("code", Text, nullable=False, server_default=""),  # the commit, or the code's digest
    Column("beat", BigInteger),
    Column("archived", Integer, nullable=False, server_default="0"),
    Column("body", Text, nullable=False),
    Index("ix_run_experiment", "experiment", "number"),
    # MLflow's clients ask for the runs of an experiment by their start, the newest first.
    # Without `archived`: SQLite would go by that, as it is compared with one value, and then sort.
    Index("ix_run_experiment_started", "experiment", "started", "number"),
    Index("ix_run_started", "started", "number"),
)

param = Table(
    "param",
    metadata,
    Column("run", Integer, ForeignKey("run.number"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("text", Text, nullable=False, server_default=""),  # the value as people read it
    Column("number", Double),  # the value, where it is or reads like a finite number
    Index("ix_param_name", "name", "number"),
)

tag = Table(
    "tag",
    metadata,
    Column("run", Integer, ForeignKey("run.number"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

run_input = Table(
    "run_input",
    metadata,
    Column("run", Integer, ForeignKey("run.number"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("context", Text, nullable=False, server_default=""),  # what it was used for
    Column("body", Text, nullable=False),
    Index("ix_run_input_name", "name", "digest"),
)

# Blobs that a run's capture names; those of artifacts stand in `artifact`.
run_blob = Table(
    "run_blob",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("run", Integer, ForeignKey("run.number"), primary_key=True),
)

artifact = Table(
    "artifact",
    metadata,
    Column("run", Integer, ForeignKey("run.number"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
)

batch = Table(
    "batch",
    metadata,
    Column("run", Integer, ForeignKey("run.number"), primary_key=True),
    Column("id", Text, primary_key=True),
)

metric_key = Table(
    "metric_key",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

# Points of a metric, packed as int64 steps, int64 times and float64 values: 24 bytes a point, and
# NaN stays NaN. Small ones are joined while they come, so a million points are a few hundred rows
# however they were logged. `low` and `high` bound the steps.
metric_chunk = Table(
    "metric_chunk",
    metadata,
    Column("id", Sequence, primary_key=True),
    Column("run", Integer, ForeignKey("run.number"), nullable=False),
    Column("key", Integer, ForeignKey("metric_key.id"), nullable=False),
    Column("count", Integer, nullable=False),
    Column("low", BigInteger, nullable=False),
    Column("high", BigInteger, nullable=False),
    # The least and the greatest of every few points, for charts. It stands before the points: what
    # is behind a long value is slow to reach in SQLite.
    Column("thin", LargeBinary),
    Column("points", LargeBinary, nullable=False),
    Index("ix_metric_chunk_run", "run", "key", "id", "count", "low", "high"),
)

metric_latest = Table(
    "metric_latest",
    metadata,
    Column("run", Integer, ForeignKey("run.number"), primary_key=True),
    Column("key", Integer, ForeignKey("metric_key.id"), primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("value", Double),  # NULL is NaN: SQLite turns one into the other
    Index("ix_metric_latest_value", "key", "value", "run"),
)

logged_model = Table(
    "logged_model",
    metadata,
    Column("id", Text, primary_key=True),
    Column("experiment", Text, nullable=False),
    Column("run", Text, index=True),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("archived", Integer, nullable=False, server_default="0"),
    Column("body", Text, nullable=False),
    Index("ix_logged_model_experiment", "experiment", "created"),
)

logged_param = Table(
    "logged_param",
    metadata,
    Column("model", Text, ForeignKey("logged_model.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("text", Text, nullable=False, server_default=""),
    Column("number", Double),
)

logged_metric = Table(
    "logged_metric",
    metadata,
    Column("model", Text, ForeignKey("logged_model.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("dataset", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("step", BigInteger, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("value", Double),  # NULL is NaN
)

logged_artifact = Table(
    "logged_artifact",
    metadata,
    Column("model", Text, ForeignKey("logged_model.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
)

run_output = Table(
    "run_output",
    metadata,
    Column("run", Integer, ForeignKey("run.number"), primary_key=True),
    Column("model", Text, ForeignKey("logged_model.id"), primary_key=True),
    Column("step", BigInteger, nullable=False),
)

label = Table(
    "label",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
