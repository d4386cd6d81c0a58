import socket

import httpx
import pytest


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8080", "LOCALHOST", "[::1]:80", "[::1]"])
def test_names_of_this_machine_are_answered(client: httpx.Client, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil:80", "localhost:80:80", "", "[::1"],
)
@pytest.mark.parametrize("path", ["/", "/api/v1/laps", "/nowhere"])
def test_a_foreign_name_is_refused(client: httpx.Client, host: str, path: str) -> None:
    response = client.get(path, headers={"host": host})
    assert response.status_code in (400, 421)
    assert "flight" not in response.text


def test_two_names_are_refused(site: str) -> None:
    port = int(site.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as caller:
        caller.sendall(
            b"GET /api/v1/laps HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert caller.recv(65_536).split(b" ")[1] in (b"400", b"421")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_it_only_shows(client: httpx.Client, method: str) -> None:
    response = client.request(method, "/api/v1/laps")
    assert response.status_code == 405
    assert response.headers["allow"] == "GET"


@pytest.mark.parametrize("path", ["/", "/nowhere", "/api/v1/laps", "/api/v1/nowhere"])
def test_every_answer_carries_the_safe_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers
