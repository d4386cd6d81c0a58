"""Open a store: one of our own, or one that a server has; and no SQL is loaded for the latter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.store.address import is_remote
from lapwise.store.blobs import open_blobs

if TYPE_CHECKING:
    from lapwise.store.database import Database
    from lapwise.store.model import Store

__all__ = ["open_blobs", "open_database", "open_store"]


def open_store(url: str, blobs: str, *, patience: float | None = None) -> Store:
    """Open a store, making what is not there yet.

    Args:
        url: ``sqlite:///path/lapwise.db``, ``postgresql://host/database``, or ``https://host`` of a
            server, with a token in ``LAPWISE_TOKEN``.
        blobs: a folder, or ``s3://bucket/prefix`` with credentials from the ``AWS_*`` environment;
            a server has its own.
        patience: seconds for which a call insists on a server that does not answer; None for as
            long as a command may wait. Nothing is sent before the first call.

    Raises:
        SchemaError: the database is of a newer or an older version of Lapwise.
        StoreError: the database or the blobs cannot be used.
        DeclarationError: a URL is not of a kind that is known.
    """
    if is_remote(url):
        from lapwise.store.remote import open_remote

        return open_remote(url) if patience is None else open_remote(url, patience=patience)
    from lapwise.store.local import open_local

    return open_local(url, blobs)


def open_database(url: str) -> Database:
    """Open a database at this version's schema, making it if there is none."""
    from lapwise.store import local

    return local.open_database(url)
