"""Bytes of artifacts: a client sends and takes them here, in one stream of constant memory.

They are hashed as they come and kept once by digest, so nothing that a client says names a place. What
goes out is never shown by a browser: it is a download of no type.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from typing import IO, Any
from urllib.parse import quote, unquote_to_bytes

from litestar import Response, delete, get, put
from litestar.exceptions import HTTPException
from litestar.response import Stream

from lapwise.core.errors import StoreError
from lapwise.server.asked import FromStore
from lapwise.server.blob_routes import LARGEST_BLOB
from lapwise.server.mlflow import shelves
from lapwise.server.mlflow.endpoint import FAILURES, AnyRequest, visit_of
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.keys import Place, place_of
from lapwise.store.spools import Spool

__all__ = ["PROXY", "address_after", "answered", "receive", "under"]

_TOO_LARGE = 413
_CHUNK = 1 << 20
_SILENCE = 60.0
_AREAS = ("/api/2.0/mlflow-artifacts/", "/ajax-api/2.0/mlflow-artifacts/")


def under(path: str) -> Sequence[str]:
    """Return the addresses of a path below those of artifacts."""
    return [area + path for area in _AREAS]


def address_after(request: AnyRequest, kind: str) -> str:
    """Return what an address says after ``artifacts/`` or such, decoded once.

    It is taken as it was sent: on the way to a handler, addresses are tidied up.
    """
    raw: bytes = request.scope["raw_path"]
    try:
        path = unquote_to_bytes(raw.partition(b"?")[0]).decode()
    except UnicodeDecodeError:
        raise Refusal("Invalid path: it is not UTF-8") from None
    for area in _AREAS:
        if path.startswith(area + kind):
            return path[len(area + kind) :]
    raise Refusal("nothing is served at this address", "ENDPOINT_NOT_FOUND")  # pragma: no cover


def answered(content: bytes = b"{}", **headers: str) -> Response[bytes]:
    """Return a short answer."""
    return Response(content, status_code=200, media_type="application/json", headers=headers)


async def receive(request: AnyRequest, spool: Spool, most: int) -> None:
    """Write the body to a spool as it comes.

    Raises:
        Refusal: it is too large.
        StoreError: the sender went away, or was silent for too long.
    """
    waiting: list[bytes] = []
    held = 0
    stream = request.stream()
    while True:
        try:
            piece = await asyncio.wait_for(anext(stream), _SILENCE)
        except StopAsyncIteration:
            break
        except (HTTPException, TimeoutError) as error:
            if isinstance(error, HTTPException) and error.status_code == _TOO_LARGE:
                raise
            raise StoreError("an upload was cut", fix="send it again") from None
        held += len(piece)
        if spool.size + held > most:
            raise Refusal(f"an artifact may have at most {most} bytes")
        waiting.append(piece)
        if held >= _CHUNK:
            await asyncio.to_thread(spool.write, b"".join(waiting))
            waiting, held = [], 0
    if waiting:
        await asyncio.to_thread(spool.write, b"".join(waiting))


@put(under("artifacts/{key:path}"), exception_handlers=FAILURES, request_max_body_size=None)
async def upload(request: AnyRequest, store: FromStore) -> Response[bytes]:
    """Keep the body as an artifact."""
    visit = visit_of(store)
    place = place_of(address_after(request, "artifacts/"))
    await asyncio.to_thread(shelves.may_add, visit, place)
    spools = (await asyncio.to_thread(store.blobs.uploads)).spools()
    with ExitStack() as stack:
        spool = await asyncio.to_thread(stack.enter_context, spools.open())
        await receive(request, spool, LARGEST_BLOB)
        digest = await asyncio.to_thread(spool.keep)
    await asyncio.to_thread(shelves.add, visit, place, digest, spool.size)
    return answered()


@get(under("artifacts/{key:path}"), exception_handlers=FAILURES)
async def download(request: AnyRequest, store: FromStore) -> Stream:
    """Return the bytes of an artifact."""
    visit = visit_of(store)
    place = place_of(address_after(request, "artifacts/"))
    size, file = await asyncio.to_thread(_opened(visit, place))
    name = quote(place.key.rpartition("/")[2], safe="")
    return Stream(
        _pieces(file),
        headers={
            "content-disposition": f"attachment; filename*=UTF-8''{name}",
            "content-length": str(size),
            "x-content-type-options": "nosniff",
        },
        media_type="application/octet-stream",
    )


@delete(under("artifacts/{key:path}"), exception_handlers=FAILURES, status_code=200)
async def remove(request: AnyRequest, store: FromStore) -> Response[Any]:
    """Refuse: what a run recorded stays; deleting the run hides it."""
    visit = visit_of(store)
    place = place_of(address_after(request, "artifacts/"))
    await asyncio.to_thread(shelves.may_add, visit, place)
    raise Refusal(
        "artifacts are not removed: they are part of what was recorded, and other runs and models "
        "may hold the same bytes; delete the run or the model to hide them",
        "NOT_IMPLEMENTED",
    )


PROXY = (upload, download, remove)
"""The routes of single files."""


def _opened(visit: Any, place: Place) -> Callable[[], tuple[int, IO[bytes]]]:
    def opened() -> tuple[int, IO[bytes]]:
        artifact = shelves.find(visit, place)
        return artifact.size, visit.store.blobs.path(artifact.digest).open("rb", 0)

    return opened


async def _pieces(file: IO[bytes]) -> AsyncIterator[bytes]:
    with file:
        while piece := await asyncio.to_thread(file.read, _CHUNK):
            yield piece
