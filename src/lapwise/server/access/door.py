"""The door: whoever asks is known by a token in a header, or a browser that looks by its cookie."""

from __future__ import annotations

from urllib.parse import quote

from anyio.to_thread import run_sync

from lapwise.core.errors import LapwiseError
from lapwise.server.access.identity import Identity, Turnstile, borne
from lapwise.server.access.sessions import Sessions, cookie_of
from lapwise.server.asgi import AsgiApp, Receive, Scope, Send, header
from lapwise.server.guard import refuse
from lapwise.server.problem import HeldUpError, UnknownError, problem_of, status_of

__all__ = ["OPEN", "Door"]

OPEN = frozenset({"/health", "/login", "/logout", "/version"})
"""What is answered to everybody; and the files of pages below ``/assets/``."""

_ASSETS = "/assets/"
_LOOKING = frozenset({"GET", "HEAD"})


class Door:
    """An ASGI application around another: it says in ``scope["principal"]`` who asks.

    A cookie lets nobody write: a method other than GET and HEAD needs a token in a header.

    Args:
        app: what answers.
        turnstile: knows tokens.
        sessions: knows browsers.
    """

    def __init__(self, app: AsgiApp, turnstile: Turnstile, sessions: Sessions) -> None:
        self._app = app
        self._turnstile = turnstile
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http" and not _is_open(scope["path"]):
            try:
                found = await self._identity(scope)
            except LapwiseError as error:
                await _turn_away(scope, send, error)
                return
            scope["principal"] = found.principal
        await self._app(scope, receive, send)

    async def _identity(self, scope: Scope) -> Identity:
        secret = borne(scope["headers"])
        if secret is not None:
            address = (scope.get("client") or ("",))[0]
            return await run_sync(self._turnstile.enter, secret, address)
        cookie = cookie_of(scope["headers"]) if scope["method"] in _LOOKING else None
        hash = self._sessions.find(cookie) if cookie else None
        if hash is None:
            raise UnknownError
        return await run_sync(self._turnstile.again, hash)


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(_ASSETS)


async def _turn_away(scope: Scope, send: Send, error: LapwiseError) -> None:
    more = []
    if isinstance(error, HeldUpError):
        more.append((b"retry-after", str(error.seconds).encode()))
    if isinstance(error, UnknownError):
        more.append((b"www-authenticate", b'Bearer realm="lapwise"'))
        looks = scope["method"] == "GET" and "text/html" in (header(scope, b"accept") or "")
        if looks and borne(scope["headers"]) is None:
            back = quote(scope["path"], safe="/")
            more.append((b"location", f"/login?next={quote(back, safe='')}".encode()))
            await refuse(scope, send, 303, problem_of(error), *more)
            return
    await refuse(scope, send, status_of(error), problem_of(error), *more)
