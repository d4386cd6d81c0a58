"""How much a request may be: its address, its headers, its body, and the time that it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from litestar.exceptions import HTTPException

from lapwise.server.asgi import Message, Receive, Scope

__all__ = [
    "LARGEST_CALL",
    "LARGEST_MLFLOW",
    "Limits",
    "declared",
    "is_file",
    "largest_body",
    "measured",
    "too_long",
]

_KIB = 1024
_MIB = 1024 * _KIB

LARGEST_CALL = 8 * _MIB
"""Bytes that the arguments of a call of the store may have."""

LARGEST_MLFLOW = 16_000_000
"""Bytes of JSON that an MLflow client may send: schemas of datasets and signatures of models are long."""

_ADDRESS = 16 * _KIB
_HEADERS = 64
_HEADERS_SIZE = 32 * _KIB


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What is accepted; sizes in bytes, times in seconds.

    ``artifact`` is the largest file that may be sent, ``silence`` how long a client may send nothing
    before its body ends, ``body`` how long a body that is no file may take in all.
    """

    artifact: int = 50 * 1024 * _MIB
    silence: float = 60.0
    body: float = 120.0


# The first prefix that fits counts.
_MLFLOW = ("/api/2.0/mlflow/", "/api/3.0/mlflow/", "/ajax-api/2.0/mlflow/", "/ajax-api/3.0/mlflow/")
_BODIES: Sequence[tuple[str, int]] = (
    ("/api/v1/store/", LARGEST_CALL),
    *((f"{root}runs/log-batch", _MIB) for root in _MLFLOW),
    *((root, LARGEST_MLFLOW) for root in _MLFLOW),
)
_FILES = (
    "/api/v1/blobs/",
    "/api/2.0/mlflow-artifacts/",
    "/ajax-api/2.0/mlflow-artifacts/",
    "/ajax-api/2.0/mlflow/upload-artifact",
)


def largest_body(path: str, limits: Limits) -> int:
    """Return how many bytes the body of a request to an address may have.

    >>> largest_body("/login", Limits()), largest_body("/api/v1/store/runs/log", Limits())
    (1048576, 8388608)
    """
    if is_file(path):
        return limits.artifact
    return next((size for root, size in _BODIES if path.startswith(root)), _MIB)


def is_file(path: str) -> bool:
    """Say whether a body sent to an address is a file, whatever it holds."""
    return path.startswith(_FILES)


def too_long(scope: Scope) -> tuple[int, str] | None:
    """Return status and clause for an address or headers that are too long, or None."""
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _ADDRESS:
        return 414, "the address is too long"
    size = sum(len(name) + len(value) for name, value in scope["headers"])
    if len(scope["headers"]) > _HEADERS or size > _HEADERS_SIZE:
        return 431, "there are too many headers, or they are too long"
    return None


def declared(scope: Scope) -> int:
    """Return the length that a body says it has; 0 if it does not say."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def measured(scope: Scope, receive: Receive, limits: Limits) -> Receive:
    """Return a receive that counts: a body may not be larger, nor take longer, than it should.

    What it says of its length is not believed. The function that is returned raises HTTPException 413
    or 408 into whoever reads the body.
    """
    path = scope["path"]
    largest = largest_body(path, limits)
    ends = None if is_file(path) else asyncio.get_running_loop().time() + limits.body
    received = 0
    whole = False

    async def counted() -> Message:
        nonlocal received, whole
        if whole:  # what comes now is that the client left
            return await receive()
        now = asyncio.get_running_loop().time()
        until = now + limits.silence if ends is None else min(now + limits.silence, ends)
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise HTTPException(status_code=408) from None
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if received > largest:
                raise HTTPException(status_code=413)
        return message

    return counted
