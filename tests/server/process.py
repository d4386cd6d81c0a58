"""Serve a store until stopped: URL, BLOBS and perhaps PORT are the arguments, the port is printed."""

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
    serve(
        create_app(opened),
        bind(port=int([*sys.argv, "0"][3])),
        announce=lambda _, port: print(port, flush=True),
    )
