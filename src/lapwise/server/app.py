"""The control plane as one ASGI application."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any, cast

from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin

from lapwise.core.errors import LapwiseError
from lapwise.core.model import Record
from lapwise.server.access import Turnstile, bind, check_rules
from lapwise.server.access.door import Door
from lapwise.server.access.login import Login
from lapwise.server.access.sessions import Sessions
from lapwise.server.api import RECORDS
from lapwise.server.asgi import AsgiApp
from lapwise.server.assets import Assets
from lapwise.server.blob_routes import BLOBS
from lapwise.server.calling import call, handshake
from lapwise.server.description import API, Description
from lapwise.server.feature_pages import FeaturePages
from lapwise.server.guard import Guard
from lapwise.server.limits import Limits
from lapwise.server.made_when_asked import MadeWhenAsked
from lapwise.server.pages import AssetPages, Pages
from lapwise.server.problem import UnknownError, answers_mlflow, explained
from lapwise.server.rendering import Renderer
from lapwise.server.run_pages import RunPages
from lapwise.server.shelf import Shelf
from lapwise.store.model import Store

__all__ = ["create_app", "create_mlflow_routes", "create_routes"]

_LOG = logging.getLogger(__name__)


class Health(Record, frozen=True, kw_only=True):
    """That the server answers, and which version of it."""

    ok: bool
    version: str


@get("/health", include_in_schema=False, sync_to_thread=False)
def health() -> Health:
    """Say that the server answers; whoever asks learns no more."""
    return Health(ok=True, version=version("lapwise"))


def create_app(
    store: Store | Callable[[], Store],
    *,
    hosts: Sequence[str] = (),
    numbers: bool = False,
    login: bool = False,
    limits: Limits | None = None,
) -> AsgiApp:
    """Return the control plane: pages at ``/``, the REST API at ``/api/v1``, MLflow's API beside it.

    Without ``login`` it asks nobody who they are: let it listen on the loopback address alone.

    Args:
        store: an open store, which stays its owner's to close; or a function that opens one, called
            when the first request comes, and again if it failed.
        hosts: names under which it may be asked besides those of this machine's loopback.
        numbers: whether it may be asked under any IP address too.
        login: whether a token is needed, for everything but ``/health`` and the like.
        limits: how much a request may be.
    """
    shelf, limits = Shelf(store), limits or Limits()
    turnstile, sessions = Turnstile(shelf.store), Sessions()
    routes = create_routes(shelf, turnstile, sessions, login=login)
    routes.state["limits"] = limits

    def for_mlflow() -> AsgiApp:
        made = create_mlflow_routes(shelf, login=login)
        made.state["limits"] = limits
        return cast("AsgiApp", made)

    app: AsgiApp = MadeWhenAsked(cast("AsgiApp", routes), answers_mlflow, for_mlflow)
    if login:
        app = Door(app, turnstile, sessions)
    return Guard(app, hosts, numbers=numbers, limits=limits)


def create_routes(
    shelf: Shelf, turnstile: Turnstile, sessions: Sessions, *, login: bool
) -> Litestar:
    """Return what answers behind guard and door, but for MLflow's API; ``routes`` lists every address.

    Each handler is given the store bound to whoever asks. With ``login`` and nobody known, there is
    none to give, so an address that the door let through by mistake still shows nothing.
    """
    check_rules()
    assets = Assets()
    renderer = Renderer(assets)
    return _application(
        [
            health,
            Router(API, route_handlers=[*RECORDS, Description, handshake, call, *BLOBS]),
            Pages,
            RunPages,
            FeaturePages,
            AssetPages,
            *([Login] if login else []),
        ],
        dependencies={
            "store": _store_for(shelf, login=login),
            "renderer": Provide(lambda: renderer, sync_to_thread=False),
            "assets": Provide(lambda: assets, sync_to_thread=False),
            "turnstile": Provide(lambda: turnstile, sync_to_thread=False),
            "sessions": Provide(lambda: sessions, sync_to_thread=False),
        },
        failures=_Failures(renderer),
        on_shutdown=[shelf.close],
    )


def create_mlflow_routes(shelf: Shelf, *, login: bool) -> Litestar:
    """Return what answers MLflow's clients, as :func:`create_routes` the rest.

    Its 360 addresses take a quarter of a second to make, so they wait for the first such client.
    """
    from lapwise.server.mlflow.failures import failed
    from lapwise.server.mlflow.routes import MLFLOW

    def refuse(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        _report(request, error)
        return failed(error)

    store = _store_for(shelf, login=login)
    return _application([*MLFLOW], dependencies={"store": store}, failures=refuse)


def _store_for(shelf: Shelf, *, login: bool) -> Provide:
    def store_for(request: Request[Any, Any, Any]) -> Store:
        if not login:
            return shelf.store()
        principal = request.scope.get("principal")  # the door's, never a client's
        if principal is None:
            raise UnknownError
        return bind(shelf.store(), cast("Any", principal))

    return Provide(store_for, sync_to_thread=True)


def _application(
    handlers: Sequence[Any],
    *,
    dependencies: dict[str, Provide],
    failures: Callable[[Request[Any, Any, Any], Exception], Response[Any]],
    on_shutdown: Sequence[Callable[[], None]] = (),
) -> Litestar:
    return _Application(
        route_handlers=handlers,
        dependencies=dependencies,
        exception_handlers={Exception: failures},
        request_max_body_size=None,  # the guard counts, for every address
        openapi_config=None,  # its router would answer unknown addresses with pages of its own
        on_shutdown=on_shutdown,
        logging_config=None,
    )


class _Application(Litestar):
    """One that speaks msgspec's records only: loading pydantic, where it is there, takes 8 MiB."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


class _Failures:
    """Answers what went wrong: JSON for programs, a page for people, and no value that was sent."""

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer

    def __call__(self, request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        _report(request, error)
        status, problem = explained(error)
        headers = error.headers if isinstance(error, HTTPException) else None
        if request.url.path.startswith(("/api/", "/health")):
            return Response(problem, status_code=status, media_type=MediaType.JSON, headers=headers)
        page = self._renderer.render(
            "problem.html", status=status, problem=problem, products=(), product="", here="", who=""
        )
        return Response(
            page, status_code=status, media_type="text/html; charset=utf-8", headers=headers
        )


def _report(request: Request[Any, Any, Any], error: Exception) -> None:
    """Write to the log what the server itself did wrong."""
    if explained(error)[0] >= 500 and not isinstance(error, LapwiseError):
        _LOG.error("%s failed", request.url.path, exc_info=error)
