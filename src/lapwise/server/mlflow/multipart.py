"""Artifacts that a client sends in parts, as MLflow's does when it is told to.

``create`` names an upload and an address for each part; ``complete`` puts the parts together, and only
then the artifact is there. Parts that nobody completes are removed after a day.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Annotated, TypeVar
from urllib.parse import quote

import msgspec
from litestar import Response, post, put
from litestar.params import Parameter

from lapwise.server.asked import FromStore
from lapwise.server.limits import LARGEST_MLFLOW
from lapwise.server.mlflow import folders
from lapwise.server.mlflow.endpoint import FAILURES, AnyRequest, body_of, visit_of
from lapwise.server.mlflow.failures import Refusal
from lapwise.server.mlflow.keys import Place, check_key, place_of
from lapwise.server.mlflow.proxy import address_after, answered, receive, under
from lapwise.server.mlflow.wire import Answer, Request
from lapwise.server.upload import largest_file

__all__ = ["MULTIPART"]

_MOST_PARTS = 10_000


class Create(Request, frozen=True, kw_only=True):
    """Asks where parts go; ``path`` is the client's own name of the file, its last part that here."""

    path: str = ""
    num_parts: int = 1


class Part(Request, frozen=True, kw_only=True):
    """A part that was sent."""

    part_number: int = 0
    etag: str = ""


class Complete(Request, frozen=True, kw_only=True):
    """Says that all parts were sent."""

    path: str = ""
    upload_id: str = ""
    parts: tuple[Part, ...] = ()


class Credential(Answer, frozen=True, kw_only=True):
    """Where a part goes."""

    url: str
    part_number: int
    headers: dict[str, str] = msgspec.field(default_factory=dict)


class Created(Answer, frozen=True, kw_only=True):
    """An upload that was begun."""

    upload_id: str
    credentials: tuple[Credential, ...]


@post(
    under("mpu/create/{key:path}"),
    exception_handlers=FAILURES,
    request_max_body_size=LARGEST_MLFLOW,
)
async def create(request: AnyRequest, store: FromStore) -> Response[bytes]:
    """Begin an upload in parts."""
    asked = await _read(request, Create)
    visit, place = visit_of(store), _place(request, "mpu/create/", asked.path)
    if not 1 <= asked.num_parts <= _MOST_PARTS:
        raise Refusal(f"num_parts must be between 1 and {_MOST_PARTS}")
    await asyncio.to_thread(folders.may_add, visit, place)
    upload = (await asyncio.to_thread(store.blobs.uploads)).staging().begin()
    address = str(request.url.with_replacements(path=_part_path(request, place), query=""))
    # A part is sent by a bare request, without what the client sends with all others.
    sent = request.headers.get("authorization")
    headers = {"Authorization": sent} if sent else {}
    credentials = tuple(
        Credential(
            url=f"{address}?upload={upload}&number={number}", part_number=number, headers=headers
        )
        for number in range(1, asked.num_parts + 1)
    )
    return answered(msgspec.json.encode(Created(upload_id=upload, credentials=credentials)))


@put(under("mpu/part/{key:path}"), exception_handlers=FAILURES, request_max_body_size=None)
async def part(
    request: AnyRequest,
    store: FromStore,
    upload: Annotated[str, Parameter(max_length=64)],
    number: Annotated[int, Parameter(ge=1, le=_MOST_PARTS)],
) -> Response[bytes]:
    """Keep a part; sent again, it replaces the one before."""
    visit, place = visit_of(store), place_of(address_after(request, "mpu/part/"))
    await asyncio.to_thread(folders.may_add, visit, place)
    staging = (await asyncio.to_thread(store.blobs.uploads)).staging()
    with ExitStack() as stack:
        staged = await asyncio.to_thread(stack.enter_context, staging.part(upload, number))
        await receive(request, staged)
    return answered(etag=f'"{staged.digest()}"')


@post(
    under("mpu/complete/{key:path}"),
    exception_handlers=FAILURES,
    request_max_body_size=LARGEST_MLFLOW,
)
async def complete(request: AnyRequest, store: FromStore) -> Response[bytes]:
    """Put parts together and keep the artifact."""
    asked = await _read(request, Complete)
    visit, place = visit_of(store), _place(request, "mpu/complete/", asked.path)
    numbers = sorted({one.part_number for one in asked.parts})
    if not numbers or len(numbers) != len(asked.parts) or numbers != [*range(1, len(numbers) + 1)]:
        raise Refusal("parts: all of them are needed, each once, numbered from 1")
    await asyncio.to_thread(folders.may_add, visit, place)
    staging = (await asyncio.to_thread(store.blobs.uploads)).staging()
    digest, size = await asyncio.to_thread(
        staging.join, asked.upload_id, numbers, most=largest_file(request)
    )
    await asyncio.to_thread(folders.add, visit, place, digest, size)
    return answered()


@post(
    under("mpu/abort/{key:path}"), exception_handlers=FAILURES, request_max_body_size=LARGEST_MLFLOW
)
async def abort(request: AnyRequest, store: FromStore) -> Response[bytes]:
    """Throw the parts of an upload away."""
    asked = await _read(request, Complete)
    visit, place = visit_of(store), _place(request, "mpu/abort/", asked.path)
    await asyncio.to_thread(folders.may_add, visit, place)
    staging = (await asyncio.to_thread(store.blobs.uploads)).staging()
    await asyncio.to_thread(staging.drop, asked.upload_id)
    return answered()


MULTIPART = (create, part, complete, abort)
"""The routes of uploads in parts."""

Asked = TypeVar("Asked", bound=Request)


async def _read(request: AnyRequest, kind: type[Asked]) -> Asked:
    return body_of(request, await request.body(), msgspec.json.Decoder(kind, strict=False), {})


def _place(request: AnyRequest, kind: str, path: str) -> Place:
    """Return where an upload goes: the folder in the address, and the client's name of the file."""
    name = path.replace("\\", "/").rpartition("/")[2]
    check_key(name)
    return place_of(address_after(request, kind).strip("/") + "/" + name)


def _part_path(request: AnyRequest, place: Place) -> str:
    folder = address_after(request, "mpu/create/").strip("/")
    before: str = request.scope["path"].partition("/mpu/create/")[0]
    return quote(f"{before}/mpu/part/{folder}/{place.key.rpartition('/')[2]}")
