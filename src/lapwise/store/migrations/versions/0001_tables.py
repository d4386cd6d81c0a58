"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table of the first version."""
    _datasets()
    _runs()
    _metrics()
    _steps()
    _models()
    _laps()


def _datasets() -> None:
    op.create_table(
        "dataset_version",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("table_name", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("table_name", "number", name="uq_dataset_version_number"),
        sa.UniqueConstraint("table_name", "digest", name="uq_dataset_version_digest"),
    )
    op.create_table(
        "file_stamp",
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("modified_ns", sa.BigInteger, nullable=False),
        sa.Column("inode", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
    )
    op.create_index("ix_dataset_version_digest", "dataset_version", ["digest"])


def _runs() -> None:
    op.create_table(
        "run",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("experiment", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("lap", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "param",
        sa.Column("run", sa.Integer, sa.ForeignKey("run.number"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "tag",
        sa.Column("run", sa.Integer, sa.ForeignKey("run.number"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "artifact",
        sa.Column("run", sa.Integer, sa.ForeignKey("run.number"), primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "batch",
        sa.Column("run", sa.Integer, sa.ForeignKey("run.number"), primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
    )
    op.create_index("ix_run_lap", "run", ["lap"])
    op.create_index("ix_run_experiment", "run", ["experiment", "number"])


def _metrics() -> None:
    counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "metric_key",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "metric_chunk",
        sa.Column("id", counter, primary_key=True),
        sa.Column("run", sa.Integer, sa.ForeignKey("run.number"), nullable=False),
        sa.Column("key", sa.Integer, sa.ForeignKey("metric_key.id"), nullable=False),
        sa.Column("points", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "metric_latest",
        sa.Column("run", sa.Integer, sa.ForeignKey("run.number"), primary_key=True),
        sa.Column("key", sa.Integer, sa.ForeignKey("metric_key.id"), primary_key=True),
        sa.Column("step", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("value", sa.Double),
    )
    op.create_index("ix_metric_chunk_run", "metric_chunk", ["run", "key", "id"])


def _steps() -> None:
    counter = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "step_result",
        sa.Column("id", counter, primary_key=True),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "record",
        sa.Column("id", counter, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("kind", "digest", name="uq_record"),
    )
    op.create_index("ix_step_result_step", "step_result", ["step", "id"])


def _models() -> None:
    op.create_table(
        "model_version",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("marks", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("model", "number", name="uq_model_version_number"),
        sa.UniqueConstraint("model", "digest", "run", name="uq_model_version_digest"),
    )
    op.create_table(
        "approval",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, sa.ForeignKey("model_version.id"), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("hash", sa.Text, nullable=False, unique=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("ix_approval_version", "approval", ["version"])
    production = sa.text("stage = 'production'")
    op.create_index(
        "uq_model_version_production",
        "model_version",
        ["model"],
        unique=True,
        sqlite_where=production,
        postgresql_where=production,
    )


def _laps() -> None:
    op.create_table(
        "lap",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("loop", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("loop", "number", name="uq_lap_number"),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("expires", sa.BigInteger, nullable=False),
    )
