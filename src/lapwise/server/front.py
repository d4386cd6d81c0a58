"""Everything on one port: ``python -m lapwise.server.front FOLDER FEATURES SOCKET HOST ROOT``.

Requests for predictions, feedback and metrics go to the inference application, all others to the
pages and the REST API. The arguments are those of ``lapwise.loop.worker``, then the project's folder.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapwise.server.asgi import AsgiApp, Receive, Scope, Send

__all__ = ["Front", "main"]

_INFERENCE = ("/v2", "/feedback", "/metrics", "/deployment")


class Front:
    """Sends each request to one of two applications, by its path.

    Args:
        inference: answers predictions; it alone lives and ends with the server.
        pages: answers everything else.
    """

    def __init__(self, inference: AsgiApp, pages: AsgiApp) -> None:
        self._inference = inference
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan" or _is_inference(scope["path"]):
            await self._inference(scope, receive, send)
        else:
            await self._pages(scope, receive, send)


def _is_inference(path: str) -> bool:
    return any(path == root or path.startswith(f"{root}/") for root in _INFERENCE)


def main() -> None:
    """Serve until SIGTERM. What keeps it from starting is one line on standard error."""
    from lapwise.core.errors import LapwiseError
    from lapwise.loop.place import from_argument
    from lapwise.loop.project import find_project
    from lapwise.loop.served import opener
    from lapwise.server.app import create_app
    from lapwise.serving import InferenceApp, adopt, serve, tokens_for
    from lapwise.store.open import open_store

    folder, features, number, host, root = sys.argv[1:6]
    try:
        project = find_project(Path(root))
        inference = InferenceApp.of_folder(
            Path(folder), opener(Path(folder), from_argument(features)), tokens=tokens_for(host)
        )
        pages = create_app(lambda: open_store(project.store, project.blobs))
        serve(Front(inference, pages), adopt(int(number)))
    except LapwiseError as error:
        sys.exit(str(error).splitlines()[0])


if __name__ == "__main__":
    main()
