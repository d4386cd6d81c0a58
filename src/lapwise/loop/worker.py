"""A process that answers requests: ``python -m lapwise.loop.worker FOLDER FEATURES SOCKET HOST``.

The supervisor starts it. It works from the snapshot in FOLDER and the online features in FEATURES
(a folder, or the place of a Redis server whose address is in ``LAPWISE_ONLINE``), and opens no
database. SOCKET is the number of a listening socket that it inherits; HOST is where
that listens.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """Serve until SIGTERM. What keeps it from starting is one line on standard error."""
    # A request's frames are small: to share them out among threads costs more than they do. Polars
    # reads this once, when it is imported.
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    from lapwise.core.errors import LapwiseError
    from lapwise.loop.place import from_argument
    from lapwise.loop.served import opener
    from lapwise.serving import InferenceApp, adopt, serve, tokens_for

    folder, features = Path(sys.argv[1]), from_argument(sys.argv[2])
    try:
        app = InferenceApp.of_folder(
            folder,
            opener(folder, features),
            replay="--replay" in sys.argv,
            tokens=tokens_for(sys.argv[4]),
        )
        serve(app, adopt(int(sys.argv[3])))
    except LapwiseError as error:
        sys.exit(str(error).splitlines()[0])


if __name__ == "__main__":
    main()
