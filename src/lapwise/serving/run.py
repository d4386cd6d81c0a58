"""Run an application on a socket: one process, one event loop, until told to stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any

from lapwise.core.errors import MissingDependencyError, ModelError
from lapwise.serving.memory import keep_memory
from lapwise.serving.orphan import die_with_supervisor

if TYPE_CHECKING:
    import uvicorn

__all__ = ["adopt", "bind", "serve"]

_GRACE = 10


def bind(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a socket bound to an address; port 0 takes any free one.

    Raises:
        ModelError: the address is taken, not allowed, or not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise ModelError(
            f"cannot serve at this address: {error.strerror}",
            value=f"{host}:{port}",
            expected="a free port of this machine",
            fix="choose another port; 0 takes any free one",
        ) from error
    return listener


def adopt(number: int) -> socket.socket:
    """Return the bound socket that a supervisor passed on under a file descriptor's number.

    Raises:
        ModelError: there is no socket under it.
    """
    try:
        return socket.socket(fileno=number)
    except OSError as error:
        raise ModelError(
            "no socket was passed on to this process",
            value=number,
            expected="the number of an open socket, as the supervisor gives it",
        ) from error


def serve(
    app: Any,
    listener: socket.socket,
    *,
    announce: Callable[[str, int], None] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> None:
    """Answer requests until SIGTERM or SIGINT, then finish those under way and return.

    Under a supervisor the process dies with it.

    Args:
        app: an ASGI application.
        listener: a bound socket, closed on return.
        announce: called once with host and port when requests are answered.
        settings: of uvicorn, over those that are set here.

    Raises:
        MissingDependencyError: the extra ``serve`` is not installed.
    """
    try:
        import httptools  # noqa: F401 - told apart here, not deep inside uvicorn
        import uvicorn
        import uvloop  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            "serving needs an optional library",
            value=error.name,
            fix="pip install 'lapwise[serve]'",
        ) from error
    die_with_supervisor()
    keep_memory()
    ours: dict[str, Any] = {
        "loop": "uvloop",
        "http": "httptools",
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "log_level": "warning",
        "server_header": False,
        "proxy_headers": False,
        "timeout_graceful_shutdown": _GRACE,
    }
    config = uvicorn.Config(app, **{**ours, **(settings or {})})
    server = _announcing(uvicorn.Server(config), listener, announce)
    with listener:
        _run(server, listener)


def _announcing(
    server: uvicorn.Server, listener: socket.socket, announce: Callable[[str, int], None] | None
) -> uvicorn.Server:
    start = server.startup

    async def startup(sockets: list[socket.socket] | None = None) -> None:
        await start(sockets)
        if announce is not None and server.started:
            host, port = listener.getsockname()[:2]
            announce(str(host), int(port))

    server.startup = startup  # type: ignore[method-assign]
    return server


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    """Run until stopped; a signal that stopped it in order is not raised again afterwards."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    if threading.current_thread() is not threading.main_thread():
        server.run(sockets=[listener])
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
