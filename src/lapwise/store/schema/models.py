"""Tables of the registry, and of the acts upon it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from lapwise.store.schema.metadata import metadata

__all__ = ["approval", "audit", "model_version", "registered_model", "version_blob"]

registered_model = Table(
    "registered_model",
    metadata,
    Column("name", Text, primary_key=True),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("governed", Integer, nullable=False, server_default="0"),
    Column("archived", Integer, nullable=False, server_default="0"),
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
    Column("governed", Integer, nullable=False, server_default="1"),
    Column("description", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False, server_default=""),
    Column("created", BigInteger, nullable=False, server_default="0"),
    Column("updated", BigInteger),
    Column("body", Text, nullable=False),
    UniqueConstraint("model", "number", name="uq_model_version_number"),
    UniqueConstraint("model", "digest", "run", name="uq_model_version_digest"),
    Index(
        "uq_model_version_production",
        "model",
        unique=True,
        sqlite_where=text("stage = 'production' AND governed = 1"),
        postgresql_where=text("stage = 'production' AND governed = 1"),
    ),
)

# Every digest that a version's record holds: whose blobs those are is asked at each download.
version_blob = Table(
    "version_blob",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("version", Text, ForeignKey("model_version.id"), primary_key=True),
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
    Column("draft", Text),  # the id of what was asked for, so that it is done once
    Index("uq_audit_draft", "draft", unique=True),
)
