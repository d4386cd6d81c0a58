"""Tables of tokens, events and webhooks."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text

from lapwise.store.schema.metadata import Sequence, metadata

__all__ = ["delivery", "event", "token", "webhook"]

token = Table(
    "token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("revoked", BigInteger),
    Column("used", BigInteger),
    Column("body", Text, nullable=False),
)

event = Table(
    "event",
    metadata,
    Column("number", Sequence, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("product", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", Text, primary_key=True),
    Column("secret", Text, nullable=False),
    Column("seen", BigInteger, nullable=False),  # the last event that became a delivery
    Column("removed", BigInteger),
    Column("body", Text, nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    Column("webhook", Text, ForeignKey("webhook.id"), primary_key=True),
    Column("event", BigInteger, ForeignKey("event.number"), primary_key=True),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", BigInteger, nullable=False),
    Column("answer", Text, nullable=False),
    Index("ix_delivery_due", "webhook", "state", "due", "event"),
)
