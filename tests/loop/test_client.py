from __future__ import annotations

from contextlib import closing
from pathlib import Path

import httpx
import pytest

from lapwise.core.errors import ServingError
from lapwise.loop.client import Client
from tests.serving.running import Server
from tests.serving.toys import deployment, lay, toy


def test_a_client_bears_the_token_that_the_server_of_its_environment_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAPWISE_TOKEN", "0123456789abcdef")
    lay(tmp_path, deployment(), toy(1))
    with Server(tmp_path) as server:
        with closing(Client("127.0.0.1", server.port)) as client:
            assert b'"production":{"version":"v1"' in client.get("/deployment")
        assert httpx.get(f"{server.url}/deployment").status_code == 401
        monkeypatch.delenv("LAPWISE_TOKEN")
        with (
            closing(Client("127.0.0.1", server.port)) as client,
            pytest.raises(ServingError, match="401"),
        ):
            client.get("/deployment")
