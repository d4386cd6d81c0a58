"""Tables of data and of steps."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, UniqueConstraint

from lapwise.store.schema.metadata import Sequence, metadata

__all__ = ["dataset_version", "file_stamp", "record", "step_result"]

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

step_result = Table(
    "step_result",
    metadata,
    Column("id", Sequence, primary_key=True),
    Column("key", Text, nullable=False, unique=True),
    Column("step", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("ix_step_result_step", "step", "id"),
)

record = Table(
    "record",
    metadata,
    Column("id", Sequence, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("kind", "digest", name="uq_record"),
)
