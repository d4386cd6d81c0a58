"""A bare ASGI application that answers in the Open Inference Protocol v2.

No framework stands between the socket and the model: a request costs one table lookup, one typed
decode, one array, one call of the model, and one append to the prediction log.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from lapwise.core.clock import WorldClock
from lapwise.core.model import ModelVersion
from lapwise.core.protocols import ColumnScorer
from lapwise.serving.inferring import Inferring
from lapwise.serving.live import Fixed, Live
from lapwise.serving.model import InferenceError
from lapwise.serving.routes import HEALTH, SERVER
from lapwise.serving.served import OpenVersion, ServedVersion
from lapwise.serving.status import metrics_text, shown_deployment
from lapwise.serving.tokens import Guard

__all__ = ["InferenceApp", "Receive", "Scope", "Send"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_LARGEST_BODY = 16 * 1024 * 1024
_ENCODE = msgspec.json.Encoder().encode
_LOG = logging.getLogger(__name__)
_JSON = (b"content-type", b"application/json")
_TEXT = (b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
_NOTHING_SERVED = (
    "no version answers yet: approve one (lapwise approve MODEL), and see that the process that "
    "deploys it runs (lapwise watch)"
)


class InferenceApp:
    """Answers requests.

    Args:
        live: what answers.
        replay: each request says what time it is in the world (``parameters.at``), and must.
        tokens: one must be borne by every request but those for health; none if only this machine
            may ask.
        world: the world's clock when it is not a replay.
    """

    def __init__(
        self,
        live: Live | Fixed,
        *,
        replay: bool = False,
        tokens: Sequence[str] = (),
        world: WorldClock | None = None,
    ) -> None:
        self._live = live
        self._guard = Guard(tokens) if isinstance(live, Live) else None
        self._inferring = Inferring(live, replay=replay, world=world)

    @classmethod
    def of_version(cls, version: ModelVersion, scorer: ColumnScorer) -> InferenceApp:
        """Answer for one version for ever, with features given and nothing logged.

        Raises:
            ModelError: the signature has a column that cannot be served.
        """
        return cls(Fixed(ServedVersion(version=version, scorer=scorer)))

    @classmethod
    def of_folder(
        cls,
        folder: Path,
        open_version: OpenVersion,
        *,
        replay: bool = False,
        tokens: Sequence[str] = (),
        world: WorldClock | None = None,
    ) -> InferenceApp:
        """Answer by the deployment in a snapshot folder, and follow it as it changes.

        Raises:
            StorageFullError: the folder's log cannot be written.
        """
        live = Live(folder, open_version, world=world, replay=replay)
        return cls(live, replay=replay, tokens=tokens, world=world)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; WebSockets are not spoken."""
        if scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        kind = _JSON
        path = scope["path"]
        try:
            if self._guard is not None and path not in HEALTH:
                self._guard.check(scope["headers"])
            if path == "/metrics":
                kind = _TEXT
            status, body = 200, await self._answer(path, scope, receive)
        except InferenceError as error:
            status, kind, body = error.status, _JSON, _ENCODE({"error": error.sentence})
            if error.__cause__ is not None:
                # What a model says may quote a row, so it is logged by type only.
                _LOG.error("%s: %s", error.sentence, type(error.__cause__).__name__)
        except Exception as error:  # noqa: BLE001 - a caller gets an answer, whatever is wrong here
            _LOG.exception("a request failed: %s", type(error).__name__, exc_info=False)
            status, kind, body = 500, _JSON, _ENCODE({"error": "the server failed"})
        if status != 200 and path.endswith("/infer"):
            self._live.counters.add(1, "requests", str(status))
        await _respond(send, status, kind, body)

    def infer(self, body: bytes) -> bytes:
        """Return the answer to the body of an infer request.

        Raises:
            InferenceError: the request cannot be answered; its sentence is for the caller.
        """
        return self._inferring.infer(body)

    async def _answer(self, path: str, scope: Scope, receive: Receive) -> bytes:
        method = scope["method"]
        routes = self._live.routes
        if routes is not None and (routed := routes.infer.get(path)) is not None:
            if method != "POST":
                raise InferenceError(405, "infer takes POST")
            _check_headers(scope["headers"])
            return self._inferring.infer(await _read(receive), route=routed)
        if path == "/feedback" and self._live.log is not None:
            if method != "POST":
                raise InferenceError(405, "feedback takes POST")
            _check_headers(scope["headers"])
            return self._inferring.feedback(await _read(receive))
        return self._told(path, method)

    def _told(self, path: str, method: str) -> bytes:
        """Return what needs no body."""
        routes = self._live.routes
        found = SERVER.get(path) or (routes.answers.get(path) if routes else None)
        if found is None and isinstance(self._live, Live):
            if path == "/metrics":
                found = metrics_text(self._live)
            elif path == "/deployment":
                found = shown_deployment(self._live)
        if found is not None:
            if method not in ("GET", "HEAD"):
                raise InferenceError(405, "this path takes GET")
            return found
        if routes is None and path.startswith("/v2/"):
            raise InferenceError(503, _NOTHING_SERVED)
        if routes is not None and path == routes.canary:
            raise InferenceError(404, "this version is a canary; ask without a version")
        if routes is not None and path.startswith("/v2/models/"):
            raise InferenceError(
                404,
                f"there is no such model or version; this server has "
                f"{routes.model} version {routes.number}",
            )
        raise InferenceError(404, "there is nothing at this path; the protocol starts at /v2")

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        """Start and stop following; requests are answered only after the first look."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._inferring.remember()
                await self._live.start()
            else:
                await self._live.stop()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


def _check_headers(headers: list[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        if name == b"inference-header-content-length":
            raise InferenceError(400, "binary tensors are not understood; send data as JSON")
        if name == b"content-encoding" and value != b"identity":
            raise InferenceError(415, "a compressed body is not understood; send it plain")
        if name == b"content-length" and value.isdigit() and int(value) > _LARGEST_BODY:
            raise InferenceError(413, f"a body may have at most {_LARGEST_BODY} bytes")


async def _read(receive: Receive) -> bytes:
    """Return the whole body.

    Raises:
        InferenceError: it is larger than this server takes, or the caller has gone.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    if message["type"] == "http.request" and not message.get("more_body", False):
        if len(body) > _LARGEST_BODY:
            raise InferenceError(413, f"a body may have at most {_LARGEST_BODY} bytes")
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > _LARGEST_BODY:
            raise InferenceError(413, f"a body may have at most {_LARGEST_BODY} bytes")
    if message["type"] == "http.disconnect":
        raise InferenceError(400, "the request ended early")
    return b"".join(parts)


async def _respond(send: Send, status: int, kind: tuple[bytes, bytes], body: bytes) -> None:
    headers = [kind, (b"content-length", b"%d" % len(body))]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
