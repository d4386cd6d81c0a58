"""Connections that would hold a server up: slow ones, endless ones, and those it refuses in time."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lapwise.core.errors import ServingError
from lapwise.server.listening import Tls

# A server whose patience is a second, and that reads bodies.
SERVER = """
import sys
from lapwise.server import limits, listening
from lapwise.server.app import create_app
from lapwise.serving.run import bind
from lapwise.store.open import open_store
listening._HEAD_SECONDS = listening._DISCARD_SECONDS = 1.0
few = limits.Limits(silence=1.0, body=2.0)
with open_store(sys.argv[1], sys.argv[2]) as store:
    listening.listen(
        create_app(store, limits=few), bind(), announce=lambda _, port: print(port, flush=True)
    )
"""
BEGUN = b"POST /api/v1/store/runs/list HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("listening")
    command = [
        sys.executable,
        "-c",
        SERVER,
        f"sqlite:///{folder}/lapwise.db",
        str(folder / "blobs"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


@contextmanager
def calling(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as caller:
        yield caller


def ended(caller: socket.socket) -> bytes:
    """Return what came until the other side hung up."""
    came = b""
    while True:
        try:
            piece = caller.recv(65_536)
        except ConnectionResetError:
            return came
        if not piece:
            return came
        came += piece


def drip(caller: socket.socket, piece: bytes, times: int, *, pause: float = 0.1) -> None:
    """Send something again and again, until it is too often or nobody hears."""
    for _ in range(times):
        caller.sendall(piece)
        time.sleep(pause)


def answers(caller: socket.socket, count: int) -> bytes:
    """Return what came once it holds so many whole answers about health."""
    came = b""
    while came.count(b'"version"') < count:
        came += caller.recv(65_536)
    return came


def seconds(caller: socket.socket) -> float:
    began = time.perf_counter()
    ended(caller)
    return time.perf_counter() - began


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n", BEGUN])
def test_whoever_never_ends_a_head_is_hung_up_on(port: int, said: bytes) -> None:
    with calling(port) as caller:
        caller.sendall(said)
        assert seconds(caller) < 10


def test_whoever_drips_a_head_is_hung_up_on_too(port: int) -> None:
    with calling(port) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        with pytest.raises(OSError):
            drip(caller, b"X: y\r\n", 100)


@pytest.mark.parametrize(
    "endless", [b"GET /" + b"x" * 65_536, b"GET / HTTP/1.1\r\nX: " + b"x" * 65_536]
)
def test_a_head_without_end_is_cut(port: int, endless: bytes) -> None:
    with calling(port) as caller:
        with pytest.raises(OSError):
            drip(caller, endless + b"x" * 65_536, 1000, pause=0)
        assert b"200 OK" not in ended(caller)


def test_whoever_never_ends_a_body_is_told(port: int) -> None:
    with calling(port) as caller:
        caller.sendall(BEGUN + b"Content-Length: 100\r\n\r\n{")
        assert caller.recv(65_536).startswith(b"HTTP/1.1 408 ")


def test_whoever_drips_a_body_is_told_too(port: int) -> None:
    with calling(port) as caller:
        caller.sendall(BEGUN + b"Content-Length: 1000\r\n\r\n")
        began = time.perf_counter()
        caller.settimeout(0.2)
        came = b""
        while not came and time.perf_counter() - began < 12:
            caller.sendall(b" ")
            try:
                came = caller.recv(100)
            except TimeoutError:
                continue
        assert came.startswith(b"HTTP/1.1 408 ")


def test_what_still_comes_after_a_refusal_is_read_for_a_while_only(port: int) -> None:
    head = BEGUN.replace(b"Host: localhost", b"Host: evil.example")
    with calling(port) as caller:
        caller.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        assert caller.recv(100).startswith(b"HTTP/1.1 421 ")
        with pytest.raises(OSError):
            drip(caller, b"1\r\nx\r\n", 100)


def test_one_connection_serves_many_requests(port: int) -> None:
    asked = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with calling(port) as caller:
        for _ in range(20):
            caller.sendall(asked)
            assert answers(caller, 1).startswith(b"HTTP/1.1 200 ")
        caller.sendall(asked * 3)  # pipelined
        assert answers(caller, 3).count(b"HTTP/1.1 200 ") == 3


def test_what_is_not_http_is_refused(port: int) -> None:
    with calling(port) as caller:
        caller.sendall(b"\x16\x03\x01 hello, TLS?\r\n\r\n")
        assert b" 400 " in ended(caller).partition(b"\r\n")[0]


def test_a_certificate_that_cannot_be_used_is_told_before_anything_listens(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("no certificate")
    with pytest.raises(ServingError, match="certificate"):
        Tls(tmp_path / "a.pem", tmp_path / "a.pem").check()
    with pytest.raises(ServingError, match="certificate"):
        Tls(tmp_path / "none.pem", tmp_path / "none.pem").check()
