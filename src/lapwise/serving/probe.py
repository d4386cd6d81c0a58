"""How long an answer takes, from the first byte sent to the last byte received, over TCP."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from math import ceil

from lapwise.core.clock import MachineClock
from lapwise.core.errors import ModelError
from lapwise.core.evidence import LatencyProbe

__all__ = ["probe_latency"]

_TIMEOUT = 10.0
_CHUNK = 65_536


def probe_latency(
    address: tuple[str, int],
    path: str,
    bodies: Sequence[bytes],
    *,
    requests: int = 1000,
    warmup: int = 100,
    serving: str = "",
) -> LatencyProbe:
    """Send requests one after the other on one kept-alive connection, and time each.

    Args:
        address: host and port.
        path: such as ``/v2/models/flight-delay/infer``.
        bodies: JSON bodies, sent in turn.
        requests: how many are timed.
        warmup: how many go before them, untimed.
        serving: the format that answers, for the record.

    Returns:
        Percentiles in microseconds, by nearest rank; an answer other than 200 is a failure, and so
        is a connection that breaks, whose time counts too.

    Raises:
        ModelError: there is nothing to send, or nobody answers at the address.
    """
    if not bodies or requests < 1:
        raise ModelError("a probe needs requests to send", expected="one body and one request")
    clock = MachineClock()
    prepared = [_request(address, path, body) for body in bodies]
    connection = _Connection(address)
    try:
        for turn in range(warmup):
            connection.ask(prepared[turn % len(prepared)])
        times, failures = [], 0
        for turn in range(requests):
            started = clock.monotonic()
            answered = connection.ask(prepared[turn % len(prepared)])
            times.append(clock.monotonic() - started)
            failures += not answered
    finally:
        connection.close()
    times.sort()
    p50, p95, p99 = (times[ceil(share * requests) - 1] * 1e6 for share in (0.5, 0.95, 0.99))
    return LatencyProbe(
        requests=requests, failures=failures, p50=p50, p95=p95, p99=p99, serving=serving
    )


def _request(address: tuple[str, int], path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Connection:
    """A socket that is opened again after it broke; no HTTP library's time is measured."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._socket = self._open()

    def ask(self, request: bytes) -> bool:
        """Send a request and return whether it was answered with 200."""
        try:
            self._socket.sendall(request)
            return self._receive()
        except (OSError, ValueError):  # a ValueError: what came is not HTTP
            self.close()
            self._socket = self._open()
            return False

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _open(self) -> socket.socket:
        try:
            opened = socket.create_connection(self._address, timeout=_TIMEOUT)
        except OSError as error:
            raise ModelError(
                "nobody answers at this address",
                value=f"{self._address[0]}:{self._address[1]}",
                expected="a running inference server",
            ) from error
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened

    def _receive(self) -> bool:
        content = b""
        while (end := content.find(b"\r\n\r\n")) < 0:
            content += self._more()
        head = content[:end].lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(content) < end + 4 + length:
            content += self._more()
        return head.split(b" ", 2)[1] == b"200"

    def _more(self) -> bytes:
        chunk = self._socket.recv(_CHUNK)
        if not chunk:
            raise ConnectionResetError
        return chunk
