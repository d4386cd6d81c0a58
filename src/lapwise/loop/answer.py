"""A process that answers requests with one packaged model: ``python -m lapwise.loop.answer``.

It reads ``version.json`` from the folder it is given and the model's files from the store, and
writes the port it listens on, loopback only, to ``port`` in that folder. The latency gate starts
it; the serving room will grow into what users start. It ends when its standard input does, so that
it does not outlive a starter that was killed.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import msgspec

from lapwise.core.model import ModelVersion

__all__ = ["main"]


def main() -> None:
    """Serve until SIGTERM, or until whoever started this process is gone."""
    from lapwise.registry import load, load_scorer
    from lapwise.serving import FrameScorer, InferenceApp, bind, serve
    from lapwise.store.open import open_store

    threading.Thread(target=_end_with_starter, daemon=True).start()
    home = Path(sys.argv[1])
    version = msgspec.json.decode((home / "version.json").read_bytes(), type=ModelVersion)
    with open_store(*sys.argv[2:4]) as store:
        scorer = load_scorer(version, store.blobs) or FrameScorer(load(version, store.blobs))
    app = InferenceApp.of_version(version, scorer)

    def announce(_host: str, port: int) -> None:
        written = home / "port.new"
        written.write_text(str(port))
        written.rename(home / "port")

    serve(app, bind(), announce=announce)


def _end_with_starter() -> None:
    os.read(sys.stdin.fileno(), 1)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
