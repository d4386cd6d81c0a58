"""One call of MLflow's API: a plain function over the store, and the address it answers at.

A function takes a :class:`Visit` and the decoded request, and returns an answer::

    @endpoint("POST", "runs/set-tag")
    def set_tag(visit: Visit, asked: SetTag) -> Answer: ...

Parts of the address in braces (``logged-models/{model_id}``) are fields of the request. The request
comes from the query of a GET, and from the JSON body of the rest.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar, get_type_hints

import msgspec
from anyio.to_thread import run_sync
from litestar import HttpMethod, Request, Response
from litestar.handlers import HTTPRouteHandler
from litestar.types import ExceptionHandlersMap

from lapwise.core.clock import MachineClock
from lapwise.core.errors import LapwiseError
from lapwise.server.access import principal_of
from lapwise.server.asked import FromStore
from lapwise.server.limits import LARGEST_MLFLOW
from lapwise.server.mlflow import wire
from lapwise.server.mlflow.failures import Refusal, failed
from lapwise.store.model import Store

__all__ = [
    "FAILURES",
    "AnyRequest",
    "Endpoint",
    "Visit",
    "addresses",
    "body_of",
    "endpoint",
    "visit_of",
]

Asked = TypeVar("Asked", bound=wire.Request)
AnyRequest: TypeAlias = Request[Any, Any, Any]

_LOG = logging.getLogger(__name__)
_JSON = "application/json"
_PREFIXES = ("/api/", "/ajax-api/")
_PART = re.compile(r"\{(\w+)\}")
_NUL = b"\\u0000"
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who asks, and what for: the store is bound to them, so a function needs no checks."""

    store: Store
    actor: str
    clock: MachineClock = field(default_factory=MachineClock)

    def now(self) -> int:
        """Return microseconds since 1970."""
        return self.clock.timestamp()


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[Asked]):
    """A function and the address it answers at, below ``/api/`` and ``/ajax-api/``."""

    method: HttpMethod
    path: str
    request: type[Asked]
    answer: Callable[[Visit, Asked], wire.Answer]

    def handler(self) -> HTTPRouteHandler:
        """Return what Litestar routes to."""
        decoder = msgspec.json.Decoder(self.request, strict=False)
        lists = frozenset(_lists(self.request))
        name = self.answer.__name__

        async def handle(request: AnyRequest, store: FromStore) -> Response[Any]:
            given = dict(request.path_params)
            if self.method == HttpMethod.GET:
                asked = _of_query(request, self.request, lists, given)
            else:
                asked = body_of(request, await request.body(), decoder, given)
            found = await run_sync(self.answer, visit_of(store), asked)
            return Response(msgspec.json.encode(found), status_code=200, media_type=_JSON)

        handle.__name__ = name
        handle.__doc__ = self.answer.__doc__
        return HTTPRouteHandler(
            addresses(self.path),
            http_method=self.method,
            exception_handlers=FAILURES,
            request_max_body_size=LARGEST_MLFLOW,
            status_code=200,
        )(handle)


def endpoint(
    method: str, path: str
) -> Callable[[Callable[[Visit, Asked], wire.Answer]], Endpoint[Asked]]:
    """Make a function an :class:`Endpoint`; ``path`` begins after ``2.0/mlflow/`` (or ``3.0/…``)."""

    def made(function: Callable[[Visit, Asked], wire.Answer]) -> Endpoint[Asked]:
        request = get_type_hints(function)["asked"]
        full = path if path.startswith(("2.0/", "3.0/")) else f"2.0/mlflow/{path}"
        return Endpoint(HttpMethod(method), full, request, function)

    return made


def addresses(path: str) -> list[str]:
    """Return the addresses of a path, in Litestar's notation."""
    parts = [_PART.sub(_routed, one) for one in path.split("/")]
    return [prefix + "/".join(parts) for prefix in _PREFIXES]


def _routed(part: re.Match[str]) -> str:
    return f"{{{part[1]}:{'path' if part[1] == 'artifact_path' else 'str'}}}"


def _on_failure(request: AnyRequest, error: Exception) -> Response[Any]:
    answer = failed(error)
    if (answer.status_code or 0) >= 500 and not isinstance(error, LapwiseError | Refusal):
        _LOG.error("%s failed", request.url.path, exc_info=error)
    return answer


FAILURES: ExceptionHandlersMap = {Exception: _on_failure}
"""Answers what went wrong, for handlers that are no endpoints too."""


def visit_of(store: Store) -> Visit:
    """Return who asks: whom the store is bound to, or an MLflow client where there is no login."""
    principal = principal_of(store)
    return Visit(store, principal.name if principal else "mlflow client")


def _of_query(
    request: AnyRequest, kind: type[Asked], lists: frozenset[str], given: dict[str, Any]
) -> Asked:
    query = request.query_params
    named: dict[str, Any] = {
        name: query.getall(name) if name in lists else query.getone(name) for name in query
    }
    return _converted(_said({**named, **given}), kind)


def body_of(
    request: AnyRequest, body: bytes, decoder: msgspec.json.Decoder[Asked], given: dict[str, Any]
) -> Asked:
    """Return what a JSON body asks, with the parts of the address in ``given``."""
    # A form of another site can send text, but not JSON, without asking the browser's leave.
    if body and request.headers.get("content-type", "").partition(";")[0].strip() != _JSON:
        raise Refusal("Bad Request. Content-Type should be application/json.", "BAD_REQUEST")
    try:
        if not given and _NUL not in body:
            return decoder.decode(body or b"{}")
    except msgspec.ValidationError:
        pass  # a null may stand for what is not said
    except _NO_JSON as error:
        raise Refusal("the body is not JSON", "BAD_REQUEST") from error
    try:
        content = _said(msgspec.json.decode(body or b"{}"))
    except _NO_JSON as error:
        raise Refusal("the body is not JSON", "BAD_REQUEST") from error
    if not isinstance(content, dict):
        raise Refusal("the body is no JSON object", "BAD_REQUEST")
    return _converted({**content, **given}, decoder.type)


def _converted(content: dict[str, Any], kind: type[Asked]) -> Asked:
    try:
        return msgspec.convert(content, kind, strict=False)
    except msgspec.ValidationError as error:
        # It names the field and the type, never the value.
        raise Refusal(f"Invalid value for parameter supplied: {error}") from error


def _said(content: Any) -> Any:
    """Return what was sent without the fields that are null; no database keeps a text with NUL."""
    if isinstance(content, dict):
        return {name: _said(value) for name, value in content.items() if value is not None}
    if isinstance(content, list):
        return [_said(value) for value in content]
    if isinstance(content, str) and "\0" in content:
        raise Refusal("Invalid value for parameter supplied: a text with NUL in it")
    return content


def _lists(kind: type[wire.Request]) -> Sequence[str]:
    """Return the fields of a request that may be given many times in a query."""
    return [
        one.encode_name
        for one in msgspec.structs.fields(kind)
        if str(one.type).startswith(("tuple[", "list["))
    ]
