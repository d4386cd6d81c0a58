"""Tables of features: who declares them, how fresh they are online, what verifying found."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, UniqueConstraint

from lapwise.store.schema.metadata import metadata

__all__ = ["feature_declared", "verification", "view_freshness"]

feature_declared = Table(
    "feature_declared",
    metadata,
    Column("loop", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("turn", BigInteger, nullable=False, index=True),  # the order of what was said
    Column("body", Text, nullable=False),
    Index("ix_feature_declared_name", "name", "turn"),
)

view_freshness = Table(
    "view_freshness",
    metadata,
    Column("loop", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
    Column("noted", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_view_freshness_digest", "digest"),
)

verification = Table(
    "verification",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("body", Text, nullable=False),
    UniqueConstraint("model", "number", name="uq_verification_number"),
)
