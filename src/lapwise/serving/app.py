"""A bare ASGI application that answers for one model in the Open Inference Protocol v2.

No framework stands between the socket and the model: a request costs one table lookup, one typed
decode, one array and one call of the model.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import msgspec
import numpy as np

from lapwise.core.model import ModelVersion
from lapwise.core.protocols import ColumnScorer
from lapwise.serving.model import (
    InferenceError,
    InferenceRequest,
    InferenceResponse,
    ResponseOutput,
)
from lapwise.serving.tensors import InputReader, OutputWriter

__all__ = ["InferenceApp", "Receive", "Scope", "Send"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

_LARGEST_BODY = 16 * 1024 * 1024
_REQUEST = msgspec.json.Decoder(InferenceRequest)
_ENCODER = msgspec.json.Encoder()
_LOG = logging.getLogger(__name__)


class InferenceApp:
    """Answers for one model version.

    Args:
        version: its name, number, signature, task, classes and threshold.
        scorer: the loaded model. It is called on the event loop: a call takes microseconds, and
            handing it to a thread would cost more.

    Raises:
        ModelError: the signature has a column that cannot be served.
    """

    def __init__(self, version: ModelVersion, scorer: ColumnScorer) -> None:
        self._version = version
        self._scorer = scorer
        self._reader = InputReader(version.signature.inputs)
        self._writer = OutputWriter(version)
        self._answers, self._infer_paths = self._routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; WebSockets are not spoken."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        if scope["type"] != "http":
            return
        try:
            status, body = 200, await self._answer(scope, receive)
        except InferenceError as error:
            status, body = error.status, _ENCODER.encode({"error": error.sentence})
        await _respond(send, status, body)

    def infer(self, body: bytes) -> bytes:
        """Return the answer to the body of an infer request.

        Raises:
            InferenceError: the request cannot be answered; its sentence is for the caller.
        """
        try:
            request = _REQUEST.decode(body)
        except msgspec.ValidationError as error:
            raise InferenceError(400, f"the request is not an infer request: {error}") from None
        except msgspec.DecodeError:
            raise InferenceError(400, "the body is not JSON") from None
        columns, rows = self._reader.read(request.inputs)
        try:
            scores = np.asarray(self._scorer.score(columns), dtype=np.float64)
        except Exception as error:
            # What the model says may quote a row, so it is logged by type only.
            _LOG.exception("the model failed: %s", type(error).__name__, exc_info=False)
            raise InferenceError(500, f"the model failed on these {rows} rows") from error
        return _ENCODER.encode(
            InferenceResponse(
                model_name=self._version.model,
                model_version=str(self._version.number),
                outputs=_chosen(self._writer.write(scores), request),
                id=request.id,
            )
        )

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        path, method = scope["path"], scope["method"]
        if path in self._infer_paths:
            if method != "POST":
                raise InferenceError(405, "infer takes POST")
            _check_headers(scope["headers"])
            return self.infer(await _read(receive))
        if path in self._answers:
            if method not in ("GET", "HEAD"):
                raise InferenceError(405, "this path takes GET")
            return self._answers[path]
        if path.startswith("/v2/models/"):
            raise InferenceError(
                404,
                f"there is no such model or version; this server has "
                f"{self._version.model} version {self._version.number}",
            )
        raise InferenceError(404, "there is nothing at this path; the protocol starts at /v2")

    def _routes(self) -> tuple[dict[str, bytes], frozenset[str]]:
        """Return the answers that never change, and the paths of infer."""
        version = self._version
        models = [
            f"/v2/models/{version.model}",
            f"/v2/models/{version.model}/versions/{version.number}",
        ]
        server = {"name": "lapwise", "version": _release(), "extensions": list[str]()}
        model = {
            "name": version.model,
            "versions": [str(version.number)],
            "platform": f"lapwise_{version.serving}",
            "inputs": self._reader.metadata(),
            "outputs": self._writer.metadata(),
        }
        contents: dict[str, object] = {
            "/v2": server,
            "/v2/health/live": {"live": True},
            "/v2/health/ready": {"ready": True},
        }
        for path in models:
            contents[path] = model
            contents[f"{path}/ready"] = {"name": version.model, "ready": True}
        answers = {path: _ENCODER.encode(content) for path, content in contents.items()}
        return answers, frozenset(f"{path}/infer" for path in models)


def _chosen(outputs: list[ResponseOutput], request: InferenceRequest) -> list[ResponseOutput]:
    """Return the outputs that were asked for, in the order asked."""
    if not request.outputs:
        return outputs
    by_name = {output.name: output for output in outputs}
    unknown = [wanted for wanted in request.outputs if wanted.name not in by_name]
    if unknown:
        raise InferenceError(400, f"an output is asked for that is none of {', '.join(by_name)}")
    return [by_name[wanted.name] for wanted in request.outputs]


def _check_headers(headers: list[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        if name == b"inference-header-content-length":
            raise InferenceError(400, "binary tensors are not understood; send data as JSON")
        if name == b"content-encoding" and value != b"identity":
            raise InferenceError(415, "a compressed body is not understood; send it plain")


async def _read(receive: Receive) -> bytes:
    """Return the whole body.

    Raises:
        InferenceError: it is larger than this server takes, or the caller has gone.
    """
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InferenceError(400, "the request ended early")
        part: bytes = message.get("body", b"")
        body = body + part if body else part
        if len(body) > _LARGEST_BODY:
            raise InferenceError(413, f"a body may have at most {_LARGEST_BODY} bytes")
        if not message.get("more_body", False):
            return body


async def _respond(send: Send, status: int, body: bytes) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _live(receive: Receive, send: Send) -> None:
    """Agree to start and to stop; the model was loaded before."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _release() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lapwise")
    except PackageNotFoundError:  # a source tree on the path, not installed
        return "unknown"
