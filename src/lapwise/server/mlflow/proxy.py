"""Bytes of artifacts: a client sends and takes them here, in one stream of constant memory.

They are hashed as they come and kept once by digest, so nothing that a client says names a place. What
goes out is never shown by a browser: it is a download of no type.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import unquote_to_bytes

from litestar import Response, delete, get, put
from litestar.response import Stream

from lapwise.server.asked import FromStore, RangeHeader
from lapwise.server.download import stream_blob
from lapwise.server.mlflow import folders
from lapwise.server.mlflow.endpoint import FAILURES, AnyRequest, visit_of
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.keys import place_of
from lapwise.server.upload import arriving
from lapwise.store.staging import Staged

__all__ = ["PROXY", "address_after", "answered", "receive", "under"]

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


async def receive(request: AnyRequest, staged: Staged) -> None:
    """Write the body to a file as it comes; the guard counts it.

    Raises:
        StoreError: the sender went away, or was silent for too long.
    """
    async for piece in arriving(request):
        await asyncio.to_thread(staged.write, piece)


@put(under("artifacts/{key:path}"), exception_handlers=FAILURES, request_max_body_size=None)
async def upload(request: AnyRequest, store: FromStore) -> Response[bytes]:
    """Keep the body as an artifact."""
    visit = visit_of(store)
    place = place_of(address_after(request, "artifacts/"))
    await asyncio.to_thread(folders.may_add, visit, place)
    staging = (await asyncio.to_thread(store.blobs.uploads)).staging()
    with ExitStack() as stack:
        staged = await asyncio.to_thread(stack.enter_context, staging.open())
        await receive(request, staged)
        digest = await asyncio.to_thread(staged.keep)
    await asyncio.to_thread(folders.add, visit, place, digest, staged.size)
    return answered()


@get(under("artifacts/{key:path}"), exception_handlers=FAILURES)
async def download(request: AnyRequest, store: FromStore, asked: RangeHeader = "") -> Stream:
    """Return the bytes of an artifact, or a range of them."""
    place = place_of(address_after(request, "artifacts/"))
    found = await asyncio.to_thread(folders.find, visit_of(store), place)
    name = place.key.rpartition("/")[2]
    return await stream_blob(store, found.digest, name=name, asked=asked)


@delete(under("artifacts/{key:path}"), exception_handlers=FAILURES, status_code=200)
async def remove(request: AnyRequest, store: FromStore) -> Response[Any]:
    """Refuse: what a run recorded stays; deleting the run hides it."""
    visit = visit_of(store)
    place = place_of(address_after(request, "artifacts/"))
    await asyncio.to_thread(folders.may_add, visit, place)
    raise Refusal(
        "artifacts are not removed: they are part of what was recorded, and other runs and models "
        "may hold the same bytes; delete the run or the model to hide them",
        "NOT_IMPLEMENTED",
    )


PROXY = (upload, download, remove)
"""The routes of single files."""
