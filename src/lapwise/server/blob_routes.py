"""Bytes over HTTP: blobs by digest, uploads that can be gone on with, anchors.

``GET /blobs/{digest}`` streams, whole or a ``Range``. A small blob is put in one request; a larger one
is sent in pieces: ``GET /blobs/{digest}/upload`` says how far it has come, ``PATCH`` appends at
``Upload-Offset``, and the piece that reaches ``Upload-Length`` makes the blob. A client never names a
place: only a digest, which the bytes must have.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import IO, Annotated, Any

from litestar import MediaType, Request, Response, delete, get, head, patch, put
from litestar.exceptions import HTTPException
from litestar.params import FromPath, HeaderParameter, RawBody
from litestar.response import Stream
from litestar.types import ExceptionHandlersMap

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import CorruptError, DeclarationError, LapwiseError, StoreError
from lapwise.server.asked import FromStore
from lapwise.server.problem import status_of
from lapwise.store.refusals import refusal_of
from lapwise.store.uploads import LARGEST_PIECE, LARGEST_PUT, Received, Receiving

__all__ = ["BLOBS", "LARGEST_BLOB"]

LARGEST_BLOB = 50 << 30
"""Bytes that one blob may have."""

_CHUNK = 1 << 20
_LARGEST_ANCHOR = 64 << 10
_SILENCE = 60.0
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def _refused(_: Request[Any, Any, Any], error: Any) -> Response[Any]:
    return Response(refusal_of(error), status_code=status_of(error), media_type=MediaType.JSON)


_REFUSING: ExceptionHandlersMap = {LapwiseError: _refused}


@get("/blobs/{digest:str}", exception_handlers=_REFUSING)
async def read(
    store: FromStore,
    digest: FromPath[str],
    asked: Annotated[
        str, HeaderParameter(name="Range", description="As bytes=FIRST-LAST.", max_length=100)
    ] = "",
) -> Stream:
    """Return the bytes of a blob, or a range of them."""
    path = await asyncio.to_thread(store.blobs.path, digest)
    file = await asyncio.to_thread(path.open, "rb", 0)
    size = path.stat().st_size
    first, last = 0, size - 1
    headers = {"accept-ranges": "bytes", "etag": f'"{digest}"'}
    if asked:
        first, last = _range(asked, size)
        if not 0 <= first <= last:
            file.close()
            raise HTTPException(
                status_code=416,
                detail="no such range",
                headers={"content-range": f"bytes */{size}"},
            )
        headers["content-range"] = f"bytes {first}-{last}/{size}"
    headers["content-length"] = str(last - first + 1)
    headers["content-disposition"] = "attachment"
    return Stream(
        _pieces(file, first, last - first + 1),
        status_code=206 if asked else 200,
        headers=headers,
        media_type="application/octet-stream",
    )


@get("/blobs", exception_handlers=_REFUSING, sync_to_thread=True)
def digests(store: FromStore) -> Stream:
    """Return the digest of each blob, a line each, in any order."""
    lines = (f"{digest}\n" for digest in store.blobs.digests())
    return Stream(lines, media_type=MediaType.TEXT)


@delete("/blobs/{digest:str}", exception_handlers=_REFUSING, sync_to_thread=True)
def remove(store: FromStore, digest: FromPath[str]) -> None:
    """Remove a blob if it is there."""
    store.blobs.remove(digest)


@head("/blobs/{digest:str}", exception_handlers=_REFUSING, sync_to_thread=True)
def size(store: FromStore, digest: FromPath[str]) -> Response[None]:
    """Return the size of a blob, as ``Blob-Size``."""
    return Response(None, headers={"blob-size": str(store.blobs.size(digest))})


@put(
    "/blobs/{digest:str}",
    status_code=204,
    exception_handlers=_REFUSING,
    request_max_body_size=LARGEST_PUT,
    sync_to_thread=True,
)
def keep(store: FromStore, digest: FromPath[str], body: RawBody) -> None:
    """Keep a small blob."""
    if digest_bytes(body) != digest:
        raise CorruptError(
            "what was sent does not have its digest", value=digest, fix="send it again"
        )
    store.blobs.put(body)


@get("/blobs/{digest:str}/upload", exception_handlers=_REFUSING, sync_to_thread=True)
def received(store: FromStore, digest: FromPath[str]) -> Received:
    """Return how much of a blob has come, and whether it is one already."""
    come = store.blobs.uploads().received(digest)
    return Received(size=come, complete=store.blobs.has(digest))


@patch(
    "/blobs/{digest:str}/upload",
    status_code=200,
    exception_handlers=_REFUSING,
    request_max_body_size=LARGEST_PIECE,
)
async def append(
    request: Request[Any, Any, Any],
    store: FromStore,
    digest: FromPath[str],
    offset: Annotated[int, HeaderParameter(name="Upload-Offset", ge=0, le=2**62)],
    length: Annotated[int, HeaderParameter(name="Upload-Length", ge=0, le=2**62)],
) -> Received:
    """Append a piece to what has come; the last one makes the blob."""
    largest = request.app.state.get("largest_blob", LARGEST_BLOB)
    if length > largest:
        raise DeclarationError("a blob is too large", expected=f"at most {largest} bytes")
    uploads = await asyncio.to_thread(store.blobs.uploads)
    with ExitStack() as stack:
        receiving = await asyncio.to_thread(stack.enter_context, uploads.receive(digest, offset))
        if receiving.size <= length:
            await _receive(request, receiving, length)
        if receiving.size >= length:  # more than there should be has not the digest, either
            await asyncio.to_thread(receiving.finish)
        return Received(size=receiving.size, complete=receiving.ended)


@put(
    "/anchors/{name:str}",
    status_code=204,
    exception_handlers=_REFUSING,
    request_max_body_size=_LARGEST_ANCHOR,
    sync_to_thread=True,
)
def anchor(store: FromStore, name: FromPath[str], body: RawBody) -> None:
    """Write a small named object once."""
    store.blobs.anchor(name, body)


@get("/anchors", exception_handlers=_REFUSING, sync_to_thread=True)
def anchors(store: FromStore) -> dict[str, bytes]:
    """Return every anchored object by name, in base 64."""
    return store.blobs.anchors()


BLOBS = (digests, read, size, keep, remove, received, append, anchor, anchors)
"""The routes."""


async def _receive(request: Request[Any, Any, Any], receiving: Receiving, length: int) -> None:
    """Write what comes, a chunk at a time; what came before a cut stays.

    Raises:
        StoreError: the sender went away, or was silent for too long.
        DeclarationError: more comes than was said.
    """
    waiting: list[bytes] = []
    held = 0
    stream = request.stream()
    try:
        while True:
            try:
                piece = await asyncio.wait_for(anext(stream), _SILENCE)
            except StopAsyncIteration:
                break
            except (HTTPException, TimeoutError):
                raise StoreError("an upload was cut", fix="ask how far it is, and go on") from None
            held += len(piece)
            if receiving.size + held > length:
                raise DeclarationError("an upload is longer than Upload-Length says")
            waiting.append(piece)
            if held >= _CHUNK:
                await asyncio.to_thread(receiving.write, b"".join(waiting))
                waiting, held = [], 0
    finally:
        if waiting and receiving.size + held <= length:
            await asyncio.to_thread(receiving.write, b"".join(waiting))


def _range(asked: str, size: int) -> tuple[int, int]:
    """Return the first and the last byte that a ``Range`` means; what cannot be is (0, -1)."""
    found = _RANGE.fullmatch(asked.strip())
    if found is None or found.group(1) == found.group(2) == "":
        return 0, -1
    first, last = found.groups()
    if not first:
        return max(size - int(last), 0), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


async def _pieces(file: IO[bytes], first: int, count: int) -> AsyncIterator[bytes]:
    with file:
        file.seek(first)
        while count > 0:
            piece = await asyncio.to_thread(file.read, min(count, _CHUNK))
            if not piece:
                return
            count -= len(piece)
            yield piece
