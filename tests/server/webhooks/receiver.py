"""A receiver of webhooks in a process of its own: what it got goes line by line to a file.

Arguments: the file, and optionally a certificate and its key. The port is printed. What it does with
a request is the first part of the path: ``ok``, ``fail`` (500), ``flaky`` (500 twice for each id, then
204), ``gone``, ``redirect`` (to itself), ``hang`` (never answers), ``drip`` (a byte each 50 ms, for
ever), ``huge`` (an endless body), ``headers`` (endless headers), ``garbage``.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FILE = Path(next(iter(sys.argv[1:]), os.devnull))  # nothing is noted where it is only imported
LOCK = threading.Lock()
SEEN: Counter[str] = Counter()


class Receiver(BaseHTTPRequestHandler):
    """Notes each request before it answers."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        note = {"path": self.path, "headers": dict(self.headers), "body": body.decode()}
        with LOCK, FILE.open("a") as file:
            file.write(json.dumps(note) + "\n")
            SEEN[self.headers.get("webhook-id", "")] += 1
        getattr(self, "_" + self.path.strip("/").partition("/")[0].partition("?")[0])()

    def do_GET(self) -> None:
        with LOCK, FILE.open("a") as file:
            file.write(json.dumps({"path": "GET " + self.path}) + "\n")
        self._answer(200)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def _ok(self) -> None:
        self._answer(204)

    def _fail(self) -> None:
        self._answer(500)

    def _gone(self) -> None:
        self._answer(410)

    def _flaky(self) -> None:
        self._answer(204 if SEEN[self.headers["webhook-id"]] > 2 else 500)

    def _redirect(self) -> None:
        self._answer(307, location=f"http://{self.headers['host']}/ok/redirected")

    def _hang(self) -> None:
        time.sleep(60)

    def _drip(self) -> None:
        self._endless(b"HTTP/1.1 200 OK\r\nx-slow: ", b"a", 0.05)

    def _huge(self) -> None:
        self._endless(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n", b"x" * 65536, 0)

    def _headers(self) -> None:
        self._endless(b"HTTP/1.1 200 OK\r\n", b"x-y: " + b"z" * 4000 + b"\r\n", 0)

    def _garbage(self) -> None:
        self.wfile.write(b"\x00\x01 this is no HTTP\r\n\r\n")
        self.close_connection = True

    def _endless(self, start: bytes, more: bytes, pause: float) -> None:
        try:
            self.wfile.write(start)
            while True:
                self.wfile.write(more)
                self.wfile.flush()
                time.sleep(pause)
        except OSError:
            self.close_connection = True


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        if len(sys.argv) > 2:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[2], sys.argv[3])
            server.socket = context.wrap_socket(server.socket, server_side=True)
        print(server.server_port, flush=True)
        server.serve_forever()
