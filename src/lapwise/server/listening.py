"""The connections of a server that strangers reach: none may be slow or large without end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lapwise.core.errors import ServingError
from lapwise.serving.run import serve

if TYPE_CHECKING:
    from lapwise.server.asgi import AsgiApp

__all__ = ["Connection", "Tls", "listen"]

_HEAD_SECONDS = 20.0
_DISCARD_SECONDS = 10.0
_HEAD_BYTES = 64 << 10  # what is read at once may come on top
_CONNECTIONS = 2000
_BACKLOG = 512


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate (with its chain) and the key that a server shows, both PEM files."""

    certificate: Path
    key: Path

    def check(self) -> None:
        """Refuse what cannot be used, before anything listens; raises ServingError."""
        import ssl

        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key)
        except OSError as error:  # ssl.SSLError is one
            raise ServingError(
                "the certificate and the key cannot be used together",
                value=error.strerror or type(error).__name__,
                expected="two PEM files that belong together, the key without a password",
                fix="lapwise server --tls-certificate FILE --tls-key FILE",
            ) from None


class Connection(HttpToolsProtocol):
    """Closes a connection whose request's head is too long, or comes too slowly.

    The application sees a request when its head is whole, so it can do nothing about one that never
    is. Nor does it see what still comes of a body after it answered: that is read for some seconds, so
    that the client hears the answer, and then cut off.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._in_head = True
        self._head_size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._wait(_HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before a head is whole."""
        if self._in_head:
            self._head_size += len(data)
            if self._timer is None:
                self._wait(_HEAD_SECONDS)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head:
            if self._head_size > _HEAD_BYTES + len(data):
                self.transport.abort()
        elif self._timer is None and self.cycle.response_complete:
            self._wait(_DISCARD_SECONDS)

    def on_headers_complete(self) -> None:
        """Wait no longer: the rest is the application's."""
        self._in_head = False
        self._rest()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Begin anew."""
        self._in_head = True
        self._head_size = 0
        self._rest()
        super().on_message_complete()

    def _wait(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._give_up)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        self.transport.abort()


def listen(
    app: AsgiApp,
    listener: socket.socket,
    *,
    tls: Tls | None = None,
    announce: Callable[[str, int], None] | None = None,
) -> None:
    """Answer requests until SIGTERM or SIGINT, then finish those under way and return.

    Args:
        app: an ASGI application.
        listener: a bound socket, closed on return.
        tls: what to speak TLS with; None speaks plain HTTP.
        announce: called once with host and port when requests are answered.
    """
    settings: dict[str, Any] = {
        "http": Connection,
        "log_level": "error",  # what strangers send is no news
        "backlog": _BACKLOG,
        "limit_concurrency": _CONNECTIONS,
    }
    if tls is not None:
        settings |= {"ssl_certfile": tls.certificate, "ssl_keyfile": tls.key}
    serve(app, listener, announce=announce, settings=settings)
