"""Open a store that a server has."""

from __future__ import annotations

import os

from lapwise.store.calls import nouns
from lapwise.store.model import Store
from lapwise.store.remote.blobs import RemoteBlobs
from lapwise.store.remote.calling import Caller
from lapwise.store.remote.connection import PATIENCE, Connection

__all__ = ["open_remote"]


def open_remote(url: str, token: str | None = None, *, patience: float = PATIENCE) -> Store:
    """Return the store of a server; nothing is sent before the first call.

    Every call may be made from any thread. A server that does not answer is asked again for a
    while, and a call that was carried out is not carried out again by that.

    Args:
        url: ``https://host``, with a port and a path where it has them.
        token: says who asks; ``LAPWISE_TOKEN`` where none is given.
        patience: seconds for which a call waits for a server that does not answer.

    Raises:
        DeclarationError: the URL is none, or would send a token unprotected through a network.
    """
    connection = Connection(
        url,
        token if token is not None else os.environ.get("LAPWISE_TOKEN", ""),
        patience=patience,
    )
    return Store(
        url=connection.url,
        blobs=RemoteBlobs(connection),
        **nouns(Caller(connection)),
        close=connection.close,
    )
