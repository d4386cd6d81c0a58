"""The page on which a browser shows a token once, and is known by a cookie from then on."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from anyio.to_thread import run_sync
from litestar import Controller, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from lapwise.core.errors import LapwiseError
from lapwise.server.access.identity import Turnstile
from lapwise.server.access.sessions import Sessions, cookie_of, made, unmade
from lapwise.server.problem import HeldUpError, UnknownError, problem_of, status_of
from lapwise.server.rendering import Rendered, Renderer

__all__ = ["Login"]

_HTML = "text/html; charset=utf-8"
_LARGEST = 4096

Asks = Request[Any, Any, Any]
Known = NamedDependency[SkipValidation[Turnstile]]
Opened = NamedDependency[SkipValidation[Sessions]]


class Login(Controller):
    """Logging in and out; both only ever change what this browser may look at."""

    include_in_schema = False

    @get("/login", sync_to_thread=True)
    def show(self, request: Asks, renderer: Rendered) -> Response[str]:
        """Ask for a token."""
        return _page(renderer, back=_inside(request.query_params.get("next", "/")))

    @post("/login", status_code=303)
    async def enter(
        self, request: Asks, renderer: Rendered, turnstile: Known, sessions: Opened
    ) -> Response[str]:
        """Take a token, and give a cookie for it."""
        body = await request.body()
        form = _fields(body)
        secret = form.get("token", [""])[0].strip()
        back = _inside(form.get("next", ["/"])[0])
        address = request.client.host if request.client else ""
        try:
            found = await run_sync(turnstile.enter, secret, address)
        except LapwiseError as error:
            return _page(renderer, back=back, error=error)
        value = sessions.open(found.hash)
        return _gone(back, made(value, secure=_is_secure(request)))

    @post("/logout", status_code=303)
    async def leave(self, request: Asks, sessions: Opened) -> Response[str]:
        """Forget this browser."""
        value = cookie_of(request.scope["headers"])
        if value:
            sessions.close(value)
        return _gone("/login", unmade(secure=_is_secure(request)))


def _fields(body: bytes) -> dict[str, list[str]]:
    """Return the fields of the form; none where more came than the page asks for."""
    if len(body) > _LARGEST:
        return {}
    try:
        return parse_qs(body.decode("latin-1"), max_num_fields=8)
    except ValueError:
        return {}


def _page(renderer: Renderer, *, back: str, error: LapwiseError | None = None) -> Response[str]:
    content = renderer.render(
        "login.html",
        arrivals=True,
        back=back,
        problem=problem_of(error) if error else None,
        is_wrong=isinstance(error, UnknownError),
        products=(),
        product="",
        here="",
        who="",
    )
    headers = {"retry-after": str(error.seconds)} if isinstance(error, HeldUpError) else {}
    status = status_of(error) if error else 200
    return Response(content, status_code=status, media_type=_HTML, headers=headers)


def _gone(address: str, cookie: str) -> Response[str]:
    headers = {"location": address, "set-cookie": cookie}
    return Response("", status_code=303, media_type=_HTML, headers=headers)


def _inside(address: str) -> str:
    r"""Return an address of this server, whatever was asked for.

    >>> [_inside(one) for one in ("/loops/a", "//evil.example", "/\\evil.example", "http://e/")]
    ['/loops/a', '/', '/', '/']
    """
    is_plain = address.isascii() and address.isprintable() and "\\" not in address
    return address if is_plain and address[:1] == "/" and address[:2] != "//" else "/"


def _is_secure(request: Asks) -> bool:
    """Say whether the browser speaks TLS, to this server or to a proxy before it."""
    origin = request.headers.get("origin", "")
    return request.scope["scheme"] == "https" or origin.startswith("https://")
