"""A part of the server that is made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from anyio.to_thread import run_sync

from lapwise.server.asgi import AsgiApp, Receive, Scope, Send

__all__ = ["MadeWhenAsked"]


class MadeWhenAsked:
    """Two ASGI applications as one; what nobody uses of the second costs no start and no memory.

    Args:
        app: answers from the start; it alone lives and ends with the server.
        is_its: whether the second one answers at a path.
        make: makes the second one; it has no start and no end of its own.
    """

    def __init__(
        self, app: AsgiApp, is_its: Callable[[str], bool], make: Callable[[], AsgiApp]
    ) -> None:
        self._app = app
        self._is_its = is_its
        self._make = make
        self._made: AsgiApp | None = None
        self._lock = Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http" or not self._is_its(scope["path"]):
            await self._app(scope, receive, send)
            return
        made = await run_sync(self._once) if self._made is None else self._made
        await made(scope, receive, send)

    def _once(self) -> AsgiApp:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
