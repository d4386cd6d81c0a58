"""Stores behind a real server on a real socket: one server for all tests, a path for each store."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from litestar import Litestar, Request, Router
from litestar.di import Provide

from lapwise.core.ids import new_id
from lapwise.server.blob_routes import BLOBS
from lapwise.server.calling import call, handshake
from lapwise.store.model import Store


class Behind:
    """An application that answers for several stores: ``/NAME/api/v1/...``."""

    def __init__(self) -> None:
        self._stores: dict[str, Store] = {}
        self.app = Litestar(
            [Router("/api/v1", route_handlers=[handshake, call, *BLOBS])],
            dependencies={"store": Provide(self._store, sync_to_thread=False)},
            openapi_config=None,
            logging_config=None,
        )
        self.url = ""

    @contextmanager
    def serving(self, store: Store) -> Iterator[str]:
        """Give a store an address."""
        name = new_id()
        self._stores[name] = store
        try:
            yield f"{self.url}/{name}"
        finally:
            del self._stores[name]

    def _store(self, request: Request[Any, Any, Any]) -> Any:
        return self._stores[request.scope["headers_name"]]  # type: ignore[typeddict-item]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            name, _, rest = scope["path"][1:].partition("/")
            scope = {**scope, "path": "/" + rest, "headers_name": name}
            scope["raw_path"] = scope["path"].encode()
        await self.app(scope, receive, send)


@contextmanager
def server() -> Iterator[Behind]:
    """Start the server in a thread of its own, on a free port."""
    behind = Behind()
    # By this protocol asyncio knows a socket that must not wait for more to send: 40 ms a call.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        behind.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(behind, log_level="error", lifespan="off", loop="asyncio")
        running = uvicorn.Server(config)
        thread = threading.Thread(
            target=lambda: asyncio.run(running.serve(sockets=[listening])), daemon=True
        )
        thread.start()
        yield behind
        running.should_exit = True
        thread.join()
