"""The largest file that a server takes, by every way in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

import httpx

from lapwise.core.digest import digest_bytes
from lapwise.server.app import create_app
from lapwise.server.limits import Limits
from lapwise.store.model import Store
from tests.store import making

FILES = "/api/2.0/mlflow-artifacts/"
Asked: TypeAlias = Callable[[httpx.AsyncClient], Awaitable[Any]]


def at(store: Store, act: Asked, **limits: Any) -> Any:
    """Return what an act at an application with some limits returns."""
    app = cast("Any", create_app(store, limits=Limits(**limits)))

    async def asked() -> Any:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await act(client)

    return asyncio.run(asked())


def test_no_way_in_takes_more_than_a_file_may_have(sqlite_store: Store) -> None:
    run = sqlite_store.runs.create(making.run("e"))
    place = f"1/{run.id}/artifacts"

    async def act(client: httpx.AsyncClient) -> list[int]:
        whole = await client.put(f"{FILES}artifacts/{place}/a.bin", content=b"x" * 1001)
        begun = await client.post(
            f"{FILES}mpu/create/{place}", json={"path": "b.bin", "num_parts": 2}
        )
        for part in begun.json()["credentials"]:
            assert (await client.put(part["url"], content=b"x" * 600)).status_code == 200
        parts = [{"part_number": 1}, {"part_number": 2}]
        joined = await client.post(
            f"{FILES}mpu/complete/{place}",
            json={"path": "b.bin", "upload_id": begun.json()["upload_id"], "parts": parts},
        )
        blob = await client.patch(
            f"/api/v1/blobs/{digest_bytes(b'x' * 1001)}/upload",
            content=b"x",
            headers={"Upload-Offset": "0", "Upload-Length": "1001"},
        )
        return [whole.status_code, joined.status_code, blob.status_code]

    assert at(sqlite_store, act, artifact=1000) == [413, 400, 400]
    assert not sqlite_store.runs.artifacts(run.id)


def test_an_mlflow_client_may_take_a_range_of_a_file(sqlite_store: Store) -> None:
    run = sqlite_store.runs.create(making.run("e"))
    address = f"{FILES}artifacts/1/{run.id}/artifacts/a.bin"

    async def act(client: httpx.AsyncClient) -> list[httpx.Response]:
        assert (await client.put(address, content=b"0123456789")).status_code == 200
        return [
            await client.get(address),
            await client.get(address, headers={"Range": "bytes=2-4"}),
            await client.get(address, headers={"Range": "bytes=20-"}),
        ]

    whole, some, none = at(sqlite_store, act)
    assert (whole.content, some.status_code, some.content) == (b"0123456789", 206, b"234")
    assert none.status_code == 416
    assert whole.headers["content-disposition"].startswith('attachment; filename="a.bin"')
