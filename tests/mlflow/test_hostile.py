"""Addresses and uploads of somebody who means no good, over HTTP to a real server."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.mlflow.driving import Server
from tests.mlflow.wiring import FILES, V2, Wire


@pytest.mark.parametrize(
    "key",
    [
        "../../../secret",
        "..%2f..%2f..%2fsecret",
        "%2e%2e/%2e%2e/secret",
        "%252e%252e%252fsecret",
        "..%5c..%5csecret",
        "%2fetc%2fpasswd",
        "//etc/passwd",
        "a/%00",
        "x" * 300,
        "C:%2fx",
        "%ef%bc%8e%ef%bc%8e/x",
        "",
    ],
)
def test_a_path_leads_nowhere_but_into_the_run(
    sqlite_server: Server, calls: Wire, key: str
) -> None:
    """Sent as it stands, by a socket: a client would tidy the path up first."""
    run, blobs = calls.run(), Path(sqlite_server.blobs)
    (blobs.parent / "secret").write_text("hidden")
    before = sorted(path.name for path in blobs.parent.iterdir())
    for method, path in (
        ("PUT", f"{FILES}/0/{run}/artifacts/{key}"),
        ("GET", f"{FILES}/0/{run}/artifacts/{key}"),
        ("GET", f"{FILES}?path=0/{run}/artifacts/{key or '..'}"),
        ("GET", f"{V2}artifacts/list?run_id={run}&path={key or '..'}"),
        ("POST", f"/api/2.0/mlflow-artifacts/mpu/create/0/{run}/artifacts/{key or '..'}"),
        ("PUT", f"/api/2.0/mlflow-artifacts/mpu/part/0/{run}/artifacts/{key}?upload=x&number=1"),
    ):
        status, body = _raw(sqlite_server.url, method, path, b'{"path": "a", "num_parts": 1}')
        assert status in {400, 404, 405}, (method, path, status, body)
        assert b"hidden" not in body
        assert str(blobs.parent).encode() not in body
    assert sorted(path.name for path in blobs.parent.iterdir()) == before
    assert not calls.get("artifacts/list", run_id=run).get("files")


@pytest.mark.parametrize("upload", ["..", "../../x", "a" * 26 + "/..", "%2e%2e", "x", "0" * 26])
def test_the_id_of_an_upload_names_no_place(wire: httpx.Client, calls: Wire, upload: str) -> None:
    run = calls.run()
    for verb in ("complete", "abort"):
        answer = wire.post(
            f"/api/2.0/mlflow-artifacts/mpu/{verb}/0/{run}/artifacts",
            json={"path": "a.bin", "upload_id": upload, "parts": [{"part_number": 1}]},
        )
        unknown = verb == "complete" or upload != "0" * 26
        assert answer.status_code == (404 if unknown else 200), answer.text


def test_an_upload_that_is_cut_leaves_nothing(sqlite_server: Server, calls: Wire) -> None:
    run = calls.run()
    host = urlsplit(sqlite_server.url)
    head = (
        f"PUT {FILES}/0/{run}/artifacts/cut.bin HTTP/1.1\r\nHost: {host.netloc}\r\n"
        "Content-Length: 5000000\r\n\r\n"
    )
    with socket.create_connection((host.hostname or "", host.port or 0)) as connection:
        connection.sendall(head.encode() + b"x" * 2_000_000)
    ends = time.monotonic() + 60
    while list(Path(sqlite_server.blobs).glob("uploads/new-*")):  # the server is still to notice
        assert time.monotonic() < ends
        time.sleep(0.02)
    assert not calls.get("artifacts/list", run_id=run).get("files")


def _raw(url: str, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    host = urlsplit(url)
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {host.netloc}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host.hostname or "", host.port or 0), 10) as connection:
        connection.sendall(head.encode() + body)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2]
