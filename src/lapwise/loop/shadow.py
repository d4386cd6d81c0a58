"""A process that answers beside production: ``python -m lapwise.loop.shadow FOLDER FEATURES``.

The supervisor starts it while a deployment names a shadow. It reads the prediction log and writes
its own answers; no request ever waits for it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """Follow the log until SIGTERM."""
    os.environ.setdefault("POLARS_MAX_THREADS", "1")  # as in a worker
    from lapwise.loop.place import from_argument
    from lapwise.loop.served import opener
    from lapwise.serving import run_shadow

    folder, features = Path(sys.argv[1]), from_argument(sys.argv[2])
    run_shadow(folder, opener(folder, features))


if __name__ == "__main__":
    main()
