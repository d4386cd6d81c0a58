"""A proxy that lets requests through and cuts answers off, as broken networks do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Cutting:
    """Cuts the next answers: the server has done what was asked, and nobody hears of it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._to = (parts.hostname or "", parts.port or 80)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}{parts.path}"
        self.cuts = 0
        self.cut_after = 0
        """Bytes of an answer that are let through before it is cut."""
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._to)
                for act in (self._forward, self._return):
                    threading.Thread(target=act, args=(client, server), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                server.sendall(data)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _return(self, client: socket.socket, server: socket.socket) -> None:
        through = 0
        with suppress(OSError), client, server:
            while data := server.recv(1 << 16):
                if self.cuts and through + len(data) > self.cut_after:
                    self.cuts -= 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                through += len(data)
                client.sendall(data)


@contextmanager
def cutting(url: str) -> Iterator[Cutting]:
    """Stand before a server."""
    proxy = Cutting(url)
    yield proxy
    proxy.close()
