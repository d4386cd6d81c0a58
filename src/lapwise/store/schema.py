"""The tables, one file for both databases: what is searched or unique is a column, the rest a body.

Alembic migrations (``migrations/``) make them; a test holds that both say the same.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

__all__ = [
    "HEAD",
    "alarm",
    "approval",
    "artifact",
    "audit",
    "batch",
    "dataset_version",
    "day_performance",
    "deployment",
    "file_stamp",
    "hour_counts",
    "lap",
    "lease",
    "metadata",
    "metric_chunk",
    "metric_key",
    "metric_latest",
    "model_version",
    "param",
    "record",
    "rollout",
    "run",
    "step_result",
    "tag",
]

HEAD = "0003"
"""The newest revision in ``migrations/versions``; opening compares it without loading Alembic."""

metadata = MetaData()

# SQLite counts by itself only in a column that is declared INTEGER.
_Sequence = BigInteger().with_variant(Integer, "sqlite")

dataset_version = Table(
    "dataset_version",
    metadata,
    Column("id", Text, primary_key=True),
    Column("table_name", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", Text, nullable=False, index=True),
    Column("body", Text, nullable=False),
    UniqueConstraint("table_name", "number", name="uq_dataset_version_number"),
    UniqueConstraint("table_name", "digest", name="uq_dataset_version_digest"),
)

file_stamp = Table(
    "file_stamp",
    metadata,
    Column("path", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("modified_ns", BigInteger, nullable=False),
    Column("inode", Text, nullable=False),  # unsigned 64 bits: more than SQL's integers hold
    Column("digest", Text, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("experiment", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("lap", Text, index=True),
    Column("body", Text, nullable=False),
    Index("ix_run_experiment", "experiment", "number"),
)

param = Table(
    "param",
    metadata,
    Column("run", Integer, ForeignKey("run.number"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

tag = Table(
    "tag",
    metadata,
    Column("run", Integer, ForeignKey("run.number"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

artifact = Table(
    "artifact",
    metadata,
    Column("run", Integer, ForeignKey("run.number"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False),
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

# One row for each metric of each call to `log`: points packed as int64 steps, int64 times and
# float64 values. A million points are a few rows of 24 bytes a point, and NaN stays NaN.
metric_chunk = Table(
    "metric_chunk",
    metadata,
    Column("id", _Sequence, primary_key=True),
    Column("run", Integer, ForeignKey("run.number"), nullable=False),
    Column("key", Integer, ForeignKey("metric_key.id"), nullable=False),
    Column("points", LargeBinary, nullable=False),
    Index("ix_metric_chunk_run", "run", "key", "id"),
)

metric_latest = Table(
    "metric_latest",
    metadata,
    Column("run", Integer, ForeignKey("run.number"), primary_key=True),
    Column("key", Integer, ForeignKey("metric_key.id"), primary_key=True),
    Column("step", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("value", Double),  # NULL is NaN: SQLite turns one into the other
)

step_result = Table(
    "step_result",
    metadata,
    Column("id", _Sequence, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("step", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_step_result_step", "step", "id"),
)

record = Table(
    "record",
    metadata,
    Column("id", _Sequence, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("kind", "digest", name="uq_record"),
)

model_version = Table(
    "model_version",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("run", Text, nullable=False),  # "" when it has none: NULLs are never equal
    Column("stage", Text, nullable=False),
    Column("marks", Text, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("model", "number", name="uq_model_version_number"),
    UniqueConstraint("model", "digest", "run", name="uq_model_version_digest"),
    Index(
        "uq_model_version_production",
        "model",
        unique=True,
        sqlite_where=text("stage = 'production'"),
        postgresql_where=text("stage = 'production'"),
    ),
)

approval = Table(
    "approval",
    metadata,
    Column("id", Text, primary_key=True),
    Column("version", Text, ForeignKey("model_version.id"), nullable=False, index=True),
    Column("body", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("body", Text, nullable=False),
)

lap = Table(
    "lap",
    metadata,
    Column("id", Text, primary_key=True),
    Column("loop", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("loop", "number", name="uq_lap_number"),
)

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

deployment = Table(
    "deployment",
    metadata,
    Column("id", _Sequence, primary_key=True),  # the order over all models
    Column("model", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("model", "revision", name="uq_deployment_revision"),
)

rollout = Table(
    "rollout",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("phase", Text, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("model", "number", name="uq_rollout_number"),
    Index(
        "uq_rollout_open",
        "model",
        unique=True,
        sqlite_where=text("phase IN ('shadow', 'waiting', 'canary')"),
        postgresql_where=text("phase IN ('shadow', 'waiting', 'canary')"),
    ),
)

alarm = Table(
    "alarm",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("body", Text, nullable=False),
    UniqueConstraint("model", "number", name="uq_alarm_number"),
)

hour_counts = Table(
    "hour_counts",
    metadata,
    Column("model", Text, primary_key=True),
    Column("hour", BigInteger, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("body", Text, nullable=False),
)

day_performance = Table(
    "day_performance",
    metadata,
    Column("model", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True),
    Column("body", Text, nullable=False),
)
