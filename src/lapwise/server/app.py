"""The control plane as one ASGI application."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

from litestar import Litestar, MediaType, Request, Response, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException, ValidationException

from lapwise.core.errors import LapwiseError
from lapwise.server.api import RECORDS
from lapwise.server.assets import Assets
from lapwise.server.description import API, Description
from lapwise.server.guard import AsgiApp, Guard
from lapwise.server.pages import AssetPages, Pages
from lapwise.server.problem import Problem, problem_of, status_of
from lapwise.server.rendering import Renderer
from lapwise.server.shelf import Shelf

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["create_app"]

_LOG = logging.getLogger(__name__)


def create_app(store: Store | Callable[[], Store], *, hosts: Sequence[str] = ()) -> AsgiApp:
    """Return the control plane: pages at ``/``, the REST API at ``/api/v1``.

    It only shows, and asks nobody who they are: let it listen on the loopback address alone.

    Args:
        store: an open store, which stays its owner's to close; or a function that opens one, called
            when the first request comes, and again if it failed.
        hosts: names under which it may be asked besides those of this machine's loopback.
    """
    shelf = Shelf(store)
    assets = Assets()
    renderer = Renderer(assets)
    app = Litestar(
        route_handlers=[
            Router(API, route_handlers=[*RECORDS, Description]),
            Pages,
            AssetPages,
        ],
        dependencies={
            "store": Provide(shelf.store, sync_to_thread=True),
            "renderer": Provide(lambda: renderer, sync_to_thread=False),
            "assets": Provide(lambda: assets, sync_to_thread=False),
        },
        exception_handlers={Exception: _Failures(renderer)},
        openapi_config=None,  # its router would answer unknown addresses with pages of its own
        on_shutdown=[shelf.close],
        logging_config=None,
    )
    return Guard(cast("AsgiApp", app), hosts)


class _Failures:
    """Answers what went wrong: JSON for programs, a page for people, and no value that was sent."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def __call__(self, request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        status, problem = _explained(error)
        if status >= 500 and not isinstance(error, LapwiseError):
            _LOG.error("%s failed", request.url.path, exc_info=error)
        if request.url.path.startswith("/api/"):
            return Response(problem, status_code=status, media_type=MediaType.JSON)
        page = self._renderer.render(
            "problem.html", status=status, problem=problem, products=(), product="", here=""
        )
        return Response(page, status_code=status, media_type="text/html; charset=utf-8")


def _explained(error: Exception) -> tuple[int, Problem]:
    """Return the status of an error and what may be told of it."""
    if isinstance(error, LapwiseError):
        return status_of(error), problem_of(error)
    if isinstance(error, ValidationException):
        named = sorted({str(one.get("key", "")) for one in _details(error)})
        return 400, Problem(
            error="a parameter cannot be used: " + ", ".join(named),
            expected=f"what {API}/openapi.json says",
        )
    if isinstance(error, HTTPException) and error.status_code == 404:
        return 404, Problem(
            error="there is nothing at this address", expected=f"/ or {API}/openapi.json"
        )
    if isinstance(error, HTTPException):
        return error.status_code, Problem(error="the request cannot be answered")
    return 500, Problem(
        error="the server failed at this request", fix="look at what it wrote to its log"
    )


def _details(error: ValidationException) -> list[dict[str, Any]]:
    return error.extra if isinstance(error.extra, list) else []
