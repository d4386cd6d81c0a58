"""Server processes for the tests.

``live_server.py supervise FOLDER PORT_FILE WORKERS [--replay]`` runs the others:
``worker FOLDER FD [--replay]`` and ``shadow FOLDER``.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from lapwise.serving import InferenceApp, adopt, bind, run_shadow, serve, supervise, tokens_for
from tests.serving.toys import Opener


def main(role: str, folder: Path, *rest: str) -> None:
    """Be one of the processes."""
    replay = "--replay" in rest
    (folder / f"{role}-{os.getpid()}.pid").touch()
    if role == "worker":
        tokens = tokens_for("127.0.0.1")
        app = InferenceApp.of_folder(folder, Opener(folder), replay=replay, tokens=tokens)
        serve(app, adopt(int(rest[0])))
    elif role == "shadow":
        run_shadow(folder, Opener(folder))
    else:
        port_file, workers = Path(rest[0]), int(rest[1])
        again = [sys.executable, __file__]

        def announce(_host: str, port: int) -> None:
            fresh = port_file.with_suffix(".new")
            fresh.write_text(str(port))
            fresh.rename(port_file)

        supervise(
            folder,
            bind(),
            lambda fd: [*again, "worker", str(folder), str(fd), *(["--replay"] if replay else [])],
            workers=workers,
            shadow=[*again, "shadow", str(folder)],
            announce=announce,
        )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
