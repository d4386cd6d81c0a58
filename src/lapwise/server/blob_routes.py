"""Bytes over HTTP: blobs by digest, uploads that can be gone on with, anchors.

``GET /blobs/{digest}`` streams, whole or a ``Range``. A small blob is put in one request; a larger one
is sent in pieces: ``GET /blobs/{digest}/upload`` says how far it has come, ``PATCH`` appends at
``Upload-Offset``, and the piece that reaches ``Upload-Length`` makes the blob. A client never names a
place: only a digest, which the bytes must have.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Annotated, Any

from litestar import MediaType, Request, Response, delete, get, head, patch, put
from litestar.params import FromPath, HeaderParameter, RawBody
from litestar.response import Stream
from litestar.types import ExceptionHandlersMap

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import CorruptError, DeclarationError, LapwiseError
from lapwise.server.asked import FromStore, RangeHeader
from lapwise.server.download import stream_blob
from lapwise.server.problem import status_of
from lapwise.server.upload import arriving, largest_file
from lapwise.store.refusals import refusal_of
from lapwise.store.uploads import LARGEST_PIECE, LARGEST_PUT, Received, Receiving

__all__ = ["BLOBS"]

_LARGEST_ANCHOR = 64 << 10


def _refused(_: Request[Any, Any, Any], error: Any) -> Response[Any]:
    return Response(refusal_of(error), status_code=status_of(error), media_type=MediaType.JSON)


_REFUSING: ExceptionHandlersMap = {LapwiseError: _refused}


@get("/blobs/{digest:str}", exception_handlers=_REFUSING)
async def read(store: FromStore, digest: FromPath[str], asked: RangeHeader = "") -> Stream:
    """Return the bytes of a blob, or a range of them."""
    return await stream_blob(store, digest, asked=asked)


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
    largest = largest_file(request)
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
    """Write what comes; what came before a cut stays.

    Raises:
        DeclarationError: more comes than was said.
        StoreError: it was cut.
    """
    async for piece in arriving(request):
        if receiving.size + len(piece) > length:
            raise DeclarationError("an upload is longer than Upload-Length says")
        await asyncio.to_thread(receiving.write, piece)
