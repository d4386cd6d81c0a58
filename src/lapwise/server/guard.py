"""What every request passes, whoever sends it: names, origins, methods, kinds and sizes of bodies."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Any

import msgspec

from lapwise.server.asgi import AsgiApp, Message, Receive, Scope, Send, header
from lapwise.server.limits import Limits, declared, is_file, largest_body, measured, too_long
from lapwise.server.problem import Problem, speaks_mlflow, told

__all__ = ["Guard", "refuse"]

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_READING = frozenset({"GET", "HEAD"})
# What a page of another site can make a browser send without asking this server's leave.
_SIMPLE = frozenset({"text/plain", "application/x-www-form-urlencoded", "multipart/form-data"})
_FORM = "application/x-www-form-urlencoded"
_FORMS = frozenset({"/login", "/logout"})
_STUCK = 300.0  # seconds that a client may take nothing of an answer

# Nothing is loaded from anywhere else, and no script or style stands in a page itself. The charts'
# library makes empty styles (that is the digest of "") and fills them by the object model, and it
# shows a picture that it has drawn itself.
_EMPTY = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
_POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self' {_EMPTY}; "
    f"style-src-attr 'unsafe-hashes' {_EMPTY}; img-src 'self' data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_SAFE = [
    (b"content-security-policy", _POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    # With no-referrer a browser would say of our own forms that their origin is "null".
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]


class Guard:
    """An ASGI application around another.

    A page of another site can make a browser ask a server under a name of its own (DNS rebinding), or
    send it what needs no leave. So a request whose ``Host`` is no name of this server is refused, and
    so is one that a page of another origin sent, or a body that any page could send.

    Args:
        app: what answers.
        hosts: further names under which this server may be asked, without a port.
        numbers: whether any IP address is a name of this server too; nobody can rebind a number.
        limits: how much a request may be.
    """

    def __init__(
        self,
        app: AsgiApp,
        hosts: Sequence[str] = (),
        *,
        numbers: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self._app = app
        self._hosts = frozenset((*_LOOPBACK, *(host.lower() for host in hosts)))
        self._numbers = numbers
        self._limits = limits or Limits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; WebSockets are not spoken."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        refused = self._refusal(scope)
        if refused is not None:
            status, problem, *more = refused
            await refuse(scope, send, status, problem, *more)
            return
        await self._app(scope, measured(scope, receive, self._limits), _guarded(send))

    def _refusal(self, scope: Scope) -> tuple[Any, ...] | None:
        """Return status, problem and further headers for what does not pass, or None."""
        long = too_long(scope)
        if long is not None:
            return long[0], Problem(error=long[1])
        host = header(scope, b"host")
        if host is None or not self._is_ours(host):
            return 421, Problem(
                error="this server is not asked under that name",
                expected="Host: localhost, or a name that it was started with",
                fix="lapwise server --allow-host NAME, or open it as http://127.0.0.1:PORT/",
            )
        if scope["method"] not in _METHODS:
            allowed = ", ".join(sorted(_METHODS)).encode()
            return 405, Problem(error="that method is not spoken here"), (b"allow", allowed)
        if scope["method"] in _READING:
            return None
        return _foreign(scope, host) or self._unfit(scope)

    def _unfit(self, scope: Scope) -> tuple[Any, ...] | None:
        path, size = scope["path"], declared(scope)
        largest = largest_body(path, self._limits)
        if size > largest:
            return 413, Problem(error="the body is too large", expected=f"at most {largest} bytes")
        # These are never simple: a browser asks for leave first, and gets none. Files are of any kind.
        if scope["method"] in {"PUT", "PATCH"} and is_file(path):
            return None
        written = header(scope, b"content-type") or ""
        kind = written.partition(";")[0].strip().lower()
        bodied = size > 0 or header(scope, b"transfer-encoding") is not None
        if path in _FORMS and kind == _FORM:
            return None
        if kind in _SIMPLE or (bodied and not kind):
            return 415, Problem(
                error="a body of that kind is not read here",
                expected="Content-Type: application/json",
            )
        return None

    def _is_ours(self, host: str) -> bool:
        name, colon, port = host.lower().rpartition(":")
        name = name if colon and port.isdigit() else host.lower()
        return name in self._hosts or (self._numbers and _is_number(name))


def _foreign(scope: Scope, host: str) -> tuple[Any, ...] | None:
    """Return why a write that a page of another site sent is refused; programs say no origin."""
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    sites = [value for name, value in scope["headers"] if name == b"sec-fetch-site"]
    ours = [b"http://" + host.encode("latin-1"), b"https://" + host.encode("latin-1")]
    sent_here = len(origins) <= 1 and all(one.lower() in ours for one in origins)
    if sent_here and all(one in {b"same-origin", b"none"} for one in sites):
        return None
    return 403, Problem(
        error="a page of another site may not write here", expected="an Origin that is the Host"
    )


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _guarded(send: Send) -> Send:
    async def send_safely(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            added = [one for one in _SAFE if one[0] not in present]
            if b"cache-control" not in present:
                added.append((b"cache-control", b"no-store"))
            message["headers"] = [*message["headers"], *added]
        async with asyncio.timeout(_STUCK):
            await send(message)

    return send_safely


async def refuse(
    scope: Scope, send: Send, status: int, problem: Problem, *more: tuple[bytes, bytes]
) -> None:
    """Answer a request with a problem, in the words that its address promises."""
    said = told(problem, status) if speaks_mlflow(scope["path"]) else problem
    body = msgspec.json.encode(said)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        *more,
    ]
    guarded = _guarded(send)
    await guarded({"type": "http.response.start", "status": status, "headers": headers})
    await guarded(
        {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body}
    )
