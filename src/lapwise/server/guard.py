"""What every request passes: only GET, only for names of this machine, only with safe headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, TypeAlias

import msgspec

from lapwise.server.problem import Problem

__all__ = ["AsgiApp", "Guard", "Message", "Receive", "Scope", "Send"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

# Nothing is loaded from anywhere else, and no script or style stands in a page itself. The charts'
# library makes empty styles (that is the digest of "") and fills them by the object model, and it
# shows a picture that it has drawn itself.
_EMPTY = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
_POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self' {_EMPTY}; "
    f"style-src-attr 'unsafe-hashes' {_EMPTY}; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = [
    (b"content-security-policy", _POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]


class Guard:
    """An ASGI application around another.

    A page of another site can make a browser ask a server on this machine under a name of its own
    (DNS rebinding); so a request whose ``Host`` is no name of this machine is refused.

    Args:
        app: what answers.
        hosts: further names under which this server may be asked, without a port.
    """

    def __init__(self, app: AsgiApp, hosts: Sequence[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset((*_LOOPBACK, *(host.lower() for host in hosts)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; WebSockets are not spoken."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        if not self._is_ours(scope):
            await _refuse(
                send,
                421,
                Problem(
                    error="this server is not asked under that name",
                    expected="Host: localhost",
                    fix="open it as http://127.0.0.1:PORT/",
                ),
            )
        elif scope["method"] != "GET":
            await _refuse(
                send,
                405,
                Problem(
                    error="this server only shows",
                    expected="GET",
                    fix="lapwise --help has the commands that act",
                ),
                (b"allow", b"GET"),
            )
        else:
            await self._app(scope, receive, _guarded(send))

    def _is_ours(self, scope: Scope) -> bool:
        named = [value for name, value in scope["headers"] if name == b"host"]
        if len(named) != 1:
            return False
        host = named[0].decode("latin-1").lower()
        name, colon, port = host.rpartition(":")
        return (name if colon and port.isdigit() else host) in self._hosts


def _guarded(send: Send) -> Send:
    async def send_safely(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            added = [header for header in _SAFE if header[0] not in present]
            if b"cache-control" not in present:
                added.append((b"cache-control", b"no-store"))
            message["headers"] = [*message["headers"], *added]
        await send(message)

    return send_safely


async def _refuse(send: Send, status: int, problem: Problem, *more: tuple[bytes, bytes]) -> None:
    body = msgspec.json.encode(problem)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *more,
    ]
    guarded = _guarded(send)
    await guarded({"type": "http.response.start", "status": status, "headers": headers})
    await guarded({"type": "http.response.body", "body": body})
