"""Garbage collection: remove the blobs that no record names, and what killed writers left.

A blob is kept before the record that names it, so what is young is spared; and a digest counts as
named wherever it stands in a record, whatever it means there. Both err on the side of keeping.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, MetaData, Text, select

from lapwise.core.clock import MachineClock
from lapwise.core.digest import Digest
from lapwise.store.blob_names import digests_of
from lapwise.store.open import open_blobs, open_database
from lapwise.store.schema import metadata

__all__ = ["GRACE", "Collected", "collect", "digests_in"]

GRACE = 3600 * 1_000_000
"""Microseconds for which a blob or a temporary file is young."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was removed: blobs, their bytes, and temporary files."""

    blobs: int
    size: int
    temporaries: int


def collect(url: str, blobs: str, *, grace: int = GRACE) -> Collected:
    """Remove blobs that no record names and that are older than ``grace`` microseconds.

    Raises:
        StoreError: the store cannot be opened or written.
    """
    kept = open_blobs(blobs)
    before = MachineClock().timestamp() - grace
    # First what there is, then what is named: a record that comes between only adds names.
    there = list(kept.digests())
    database = open_database(url)
    try:
        with database.snapshot() as connection:
            named = digests_in(connection)
    finally:
        database.close()
    sizes = [kept.remove_older(digest, before) for digest in there if digest not in named]
    removed = [size for size in sizes if size is not None]
    return Collected(
        blobs=len(removed), size=sum(removed), temporaries=kept.remove_temporaries(before)
    )


def digests_in(connection: Connection, schema: MetaData = metadata) -> set[Digest]:
    """Return every digest that stands anywhere in the database's tables."""
    return {digest for text in _texts(connection, schema) for digest in digests_of(text)}


def _texts(connection: Connection, schema: MetaData) -> Iterator[str]:
    for table in schema.sorted_tables:
        columns = [column for column in table.c if isinstance(column.type, Text)]
        if columns:
            query = select(*columns).execution_options(yield_per=1000)
            for row in connection.execute(query):
                yield " ".join(value for value in row if value)
