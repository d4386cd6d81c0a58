import socket
from collections.abc import Iterator

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


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
def test_what_only_shows_is_only_read(client: httpx.Client, method: str) -> None:
    response = client.request(method, "/api/v1/laps")
    assert response.status_code == 405
    assert "GET" in response.headers["allow"]


CALL = "/api/v1/store/laps/list"
HERE = {"content-type": "application/json"}


def test_a_program_says_no_origin_and_may_write(client: httpx.Client) -> None:
    assert client.post(CALL, content=b"{}", headers=HERE).status_code == 200


def test_a_page_of_this_server_may_write(client: httpx.Client, site: str) -> None:
    for origin in (site, site.replace("http://", "https://"), site.upper().replace("HTTP", "http")):
        headers = HERE | {"origin": origin, "sec-fetch-site": "same-origin"}
        assert client.post(CALL, content=b"{}", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://127.0.0.1"},
        {"origin": "http://127.0.0.1:1"},
        {"origin": "http://localhost.evil.example"},
        {"origin": "file://"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_page_of_another_site_may_not_write(
    client: httpx.Client, headers: dict[str, str], method: str
) -> None:
    response = client.request(method, CALL, content=b"{}", headers=HERE | headers)
    assert response.status_code == 403


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "text/plain;charset=UTF-8",
        "Text/Plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ],
)
@pytest.mark.parametrize("path", [CALL, "/api/2.0/mlflow/experiments/create"])
def test_a_body_that_any_page_could_send_is_refused(
    client: httpx.Client, kind: str, path: str
) -> None:
    response = client.post(path, content=b'{"name":"x"}', headers={"content-type": kind})
    assert response.status_code == 415


def test_what_is_said_of_a_length_is_not_believed(client: httpx.Client) -> None:
    def pieces(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield b" " * (1 << 20)

    assert client.post(CALL, content=pieces(9), headers=HERE).status_code == 413
    batch = "/api/2.0/mlflow/runs/log-batch"
    said = client.post(batch, content=pieces(2), headers=HERE)
    assert said.status_code == 413
    assert said.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert client.post(batch, content=b" " * (2 << 20), headers=HERE).status_code == 413
    assert client.post(CALL, content=b"{}" + b" " * (7 << 20), headers=HERE).status_code == 200


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'{"where":['])
@pytest.mark.parametrize(
    "path", [CALL, "/api/2.0/mlflow/runs/search", "/api/2.0/mlflow/experiments/create"]
)
def test_what_is_nested_without_end_is_refused(
    client: httpx.Client, opening: bytes, path: str
) -> None:
    response = client.post(path, content=opening * 100_000, headers=HERE)
    assert response.status_code == 400


def test_addresses_and_headers_have_limits(client: httpx.Client) -> None:
    assert client.get("/api/v1/laps", params={"loop": "x" * 20_000}).status_code == 414
    assert client.get("/" + "x" * 20_000).status_code == 414
    assert client.get("/", headers={"x": "x" * 40_000}).status_code == 431
    many = {f"x-{number}": "x" for number in range(100)}
    assert client.get("/", headers=many).status_code == 431


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/store/runs/get", b'{"reference":"secret-value"}'),
        ("POST", "/api/v1/store/runs/search", b'{"where":"secret-value ="}'),
        ("POST", "/api/v1/store/runs/log", b'{"run":"secret-value","params":[{"name":1}]}'),
        ("POST", "/api/v1/store/laps/create", b'{"lap":{"id":"secret-value"}}'),
        ("POST", "/api/v1/store/runs/list", b'{"limit":"secret-value"}'),
        ("POST", "/api/v1/store/steps/get", b'{"key":"\\u0000secret-value"}'),
        ("POST", "/api/v1/store/runs/list", b"secret-value"),
        ("GET", "/api/v1/blobs/..%2f..%2fetc%2fpasswd", b""),
        ("GET", "/api/v1/models/secret-value/versions/1", b""),
        ("GET", "/api/v1/laps?limit=secret-value", b""),
        ("GET", "/api/v1/models/%00secret-value/versions", b""),
        ("POST", "/api/2.0/mlflow/runs/search", b'{"filter":"secret-value ="}'),
    ],
)
def test_an_error_tells_no_path_no_sql_and_no_value(
    client: httpx.Client, method: str, path: str, body: bytes
) -> None:
    response = client.request(method, path, content=body, headers=HERE)
    text = response.text.lower()
    for word in ("secret-value", "traceback", "select ", "sqlalchemy", "/tmp", "passwd", ".py"):
        assert word not in text
    assert response.status_code < 500


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
