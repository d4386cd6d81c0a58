"""Deliver the events of a store until killed: URL and BLOBS are the arguments, then hosts to allow."""

from __future__ import annotations

import sys
import threading

from lapwise.server.webhooks import Deliverer, Pace
from lapwise.store.model import Store

if __name__ == "__main__":

    def opened() -> Store:
        """Open the store named by the arguments."""
        from lapwise.store.open import open_store

        return open_store(sys.argv[1], sys.argv[2])

    pace = Pace(look=0.05, answer=20.0, first=0.05, longest=0.2, tries=50, lease=3.0)
    Deliverer(opened, frozenset(sys.argv[3:]), pace).start()
    print("started", flush=True)
    threading.Event().wait()
