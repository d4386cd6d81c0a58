"""What all tables share: their collection, and a number that counts by itself."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData

__all__ = ["Sequence", "metadata"]

metadata = MetaData()

# SQLite counts by itself only in a column that is declared INTEGER.
Sequence = BigInteger().with_variant(Integer, "sqlite")
