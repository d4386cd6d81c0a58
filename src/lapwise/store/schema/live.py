"""Tables of laps, and of what a product in use leaves."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, UniqueConstraint, text

from lapwise.store.schema.metadata import Sequence, metadata

__all__ = ["alarm", "day_performance", "deployment", "hour_counts", "lap", "lease", "rollout"]

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
    Column("id", Sequence, primary_key=True),  # the order over all models
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
    Column("act", Text),  # the id of the last change
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
