"""The store over HTTP: ``POST /api/v1/store/{noun}/{verb}``, one address for each of its calls.

A request's body holds the arguments by name, in MessagePack (what our client sends: it says NaN, and
64 bits) or in JSON (for people, where NaN is null); the answer comes in what ``Accept`` names, else in
what was sent. What each call takes and gives is read from the store's Protocols alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, RawBody

from lapwise.core.errors import DeclarationError, LapwiseError, NotFoundError
from lapwise.server.asked import FromStore
from lapwise.server.limits import LARGEST_CALL
from lapwise.server.problem import status_of
from lapwise.store.calls import API_VERSION, Call, Handshake, calls
from lapwise.store.refusals import Refusal, refusal_of

__all__ = ["LARGEST_LIMIT", "call", "described", "handshake"]

LARGEST_LIMIT = 1_000_000
"""As many records may be asked for at once."""

_JSON = "application/json"
_MSGPACK = "application/msgpack"
_BODY: Any = JSONBody
_REFUSALS = {
    400: "An argument cannot be used.",
    403: "This needs another role.",
    404: "There is no such thing.",
    409: "Somebody else was first.",
    503: "The store cannot be used.",
}
_DESCRIBED = "/api/v1/openapi.json"
_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    _JSON: msgspec.json.Encoder().encode,
    _MSGPACK: msgspec.msgpack.Encoder().encode,
}


@get("/store", sync_to_thread=False)
def handshake() -> Handshake:
    """Return which version of this interface is spoken here."""
    return Handshake(api=API_VERSION, lapwise=version("lapwise"))


@post(
    "/store/{noun:str}/{verb:str}",
    status_code=200,
    request_max_body_size=LARGEST_CALL,
    sync_to_thread=True,
)
def call(
    request: Request[Any, Any, Any],
    body: RawBody,
    store: FromStore,
    noun: FromPath[str],
    verb: FromPath[str],
) -> Response[bytes]:
    """Make one call of the store."""
    sent, wanted = _kinds(request)
    made, arguments = _calls().get((noun, verb)), None
    try:
        if made is None:
            raise NotFoundError(
                "the store has no such call", expected="one that openapi.json lists"
            )
        arguments = _decoded(made, sent, body)
        answer = _ENCODERS[wanted](made.apply(store, arguments))
    except LapwiseError as error:
        refusal = _ENCODERS[wanted](refusal_of(error, arguments))
        return Response(refusal, status_code=status_of(error), media_type=wanted)
    return Response(answer, media_type=wanted)


def described() -> list[HTTPRouteHandler]:
    """Return a handler for each call that says what it takes and gives, and is never served."""
    return [_described(one) for one in calls()]


def _described(made: Call) -> HTTPRouteHandler:
    def handler(data: object) -> object:
        raise NotImplementedError  # pragma: no cover

    handler.__annotations__ = {"data": _BODY[made.request], "return": made.answer}
    handler.__doc__ = made.doc
    return post(
        f"/store/{made.noun}/{made.verb}",
        status_code=200,
        sync_to_thread=False,
        operation_id=f"store_{made.noun}_{made.verb}",
        summary=made.name,
        description=made.doc,
        tags=[f"store: {made.noun}"],
        responses={
            status: ResponseSpec(Refusal, description=said, generate_examples=False)
            for status, said in _REFUSALS.items()
        },
    )(handler)


@cache
def _calls() -> dict[tuple[str, str], Call]:
    return {(one.noun, one.verb): one for one in calls()}


@cache
def _decoder(made: Call, kind: str) -> Callable[[bytes], msgspec.Struct]:
    if kind == _JSON:
        return msgspec.json.Decoder(made.request).decode
    return msgspec.msgpack.Decoder(made.request).decode


def _kinds(request: Request[Any, Any, Any]) -> tuple[str, str]:
    """Return what a body is written in, and what its answer is to be written in.

    A body of another kind is refused: forms and plain text are what a foreign page can send.
    """
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent not in _ENCODERS:
        raise HTTPException(status_code=415, detail=f"{_MSGPACK} or {_JSON}")
    accepted = request.headers.get("accept", "")
    for kind in (_MSGPACK, _JSON):
        if kind in accepted:
            return sent, kind
    return sent, sent


def _decoded(made: Call, kind: str, body: bytes) -> msgspec.Struct:
    """Return the arguments in a body; no body is none.

    Raises:
        DeclarationError: names the argument that cannot be used.
    """
    try:
        arguments = _decoder(made, kind)(body) if body else made.request()
    except msgspec.ValidationError as error:
        said, _, place = str(error).partition(" - at `$")
        field = place.rstrip("`").lstrip(".")
        thing = f"argument '{field}'" if field else "the arguments"
        raise DeclarationError(
            f"{thing} of {made.name} cannot be used",
            expected=f"what {_DESCRIBED} says" if said.startswith("Invalid") else said[:200],
        ) from None
    except (msgspec.DecodeError, RecursionError, TypeError, UnicodeError):
        raise DeclarationError(
            f"the arguments of {made.name} cannot be read", expected=f"{kind}, all of them by name"
        ) from None
    limit = getattr(arguments, "limit", 1)
    if not 0 <= limit <= LARGEST_LIMIT:
        raise DeclarationError(
            f"argument 'limit' of {made.name} cannot be used",
            expected=f"a number from 0 to {LARGEST_LIMIT}",
        )
    return arguments
