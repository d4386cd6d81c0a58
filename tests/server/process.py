"""Serve a store's pages until stopped: URL and BLOBS are the arguments, the port is printed."""

from __future__ import annotations

import sys

from lapwise.server import create_app
from lapwise.serving.run import bind, serve
from lapwise.store.model import Store


def opened() -> Store:
    """Open the store named by the arguments."""
    from lapwise.store.open import open_store

    return open_store(sys.argv[1], sys.argv[2])


if __name__ == "__main__":
    serve(create_app(opened), bind(), announce=lambda _, port: print(port, flush=True))
