"""A running server, and what attackers of several kinds have in their hands."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from lapwise.core.access import Role
from lapwise.store.model import Store
from tests.server.access.acts import MINE, OTHERS, ROLES, Kept, keep
from tests.server.sharing import bearer, give, sharing

_JSON = {"content-type": "application/json"}


@dataclass
class Siege:
    """A server, what lies in its store, and a token for each role in each product."""

    client: httpx.Client
    store: Store
    folder: Path
    mine: Kept
    others: Kept
    tokens: Mapping[tuple[Role, str], str]

    def bearing(self, role: Role = "contributor", product: str = MINE) -> dict[str, str]:
        """Return the header of somebody with one role."""
        return bearer(self.tokens[role, product])

    def call(
        self, name: str, /, *, role: Role = "contributor", product: str = MINE, **asked: Any
    ) -> httpx.Response:
        """Make a call of the store, by default as a contributor to my product alone."""
        content = msgspec.json.encode(asked)
        return self.body(name, content, role=role, product=product)

    def body(
        self, name: str, content: bytes, *, role: Role = "contributor", product: str = MINE
    ) -> httpx.Response:
        """Make a call with a body as it stands."""
        headers = _JSON | self.bearing(role, product)
        return self.client.post(f"/api/v1/store/{name}", content=content, headers=headers)

    def raw(self, request: str, body: bytes = b"") -> bytes:
        """Send a request that no client would, and return the whole answer."""
        host = urlsplit(str(self.client.base_url))
        with socket.create_connection((host.hostname or "", host.port or 0), 10) as connection:
            connection.sendall(request.replace("HOST", host.netloc).encode() + body)
            answer = b""
            while piece := connection.recv(65_536):
                answer += piece
        return answer


@contextmanager
def besieged(folder: Path, store: Store, place: tuple[str, str]) -> Iterator[Siege]:
    """Run a server with login on a store that is filled here."""
    give(store, ("admin", "*"), name="root")
    mine, others = keep(store, MINE), keep(store, OTHERS)
    tokens = {
        (role, product): give(store, (role, product), name=f"{role} of {product}")
        for role in ROLES
        for product in (MINE, OTHERS, "*")
    }
    with (
        sharing(folder, *place, "--login") as (url, _),
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        yield Siege(client, store, folder, mine, others, tokens)
