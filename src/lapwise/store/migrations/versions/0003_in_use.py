"""What a product in use leaves: deployments, rollouts, alarms, observations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables of the live half."""
    _rollouts()
    _observations()


def _rollouts() -> None:
    op.create_table(
        "deployment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("model", "revision", name="uq_deployment_revision"),
    )
    op.create_table(
        "rollout",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("model", "number", name="uq_rollout_number"),
    )
    still_open = sa.text("phase IN ('shadow', 'waiting', 'canary')")
    op.create_index(
        "uq_rollout_open",
        "rollout",
        ["model"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )


def _observations() -> None:
    op.create_table(
        "alarm",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.UniqueConstraint("model", "number", name="uq_alarm_number"),
    )
    op.create_index("ix_alarm_at", "alarm", ["at"])
    op.create_table(
        "hour_counts",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("hour", sa.BigInteger, primary_key=True),
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "day_performance",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("day", sa.BigInteger, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
