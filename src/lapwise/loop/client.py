"""Ask a running server, and ask again where the connection broke."""

from __future__ import annotations

import http.client
import os
from contextlib import suppress

from lapwise.core.clock import MachineClock
from lapwise.core.errors import ServingError

__all__ = ["Client"]

_PATIENCE = 30.0
_PAUSE = 0.02
_AGAIN = (502, 503, 504)


class Client:
    """One kept-alive connection to a server on this machine.

    A request whose connection broke may have been answered all the same, so every request carries
    an id by which the server, and whoever reads its log, tells a repetition. If ``LAPWISE_TOKEN`` is
    set, requests bear it: a server with the same environment asks for it, on this machine too.

    Args:
        host: a name or address.
        port: where the server listens.
    """

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
        self._clock = MachineClock()
        self._headers = {"Content-Type": "application/json"}
        if token := os.environ.get("LAPWISE_TOKEN"):
            self._headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> bytes:
        """Return what a path answers; raises as :meth:`post`."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: bytes) -> bytes:
        """Return the answer to a JSON body.

        Raises:
            ServingError: the server refuses, or does not answer within half a minute.
        """
        return self._ask("POST", path, body)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        until = self._clock.monotonic() + _PATIENCE
        while True:
            try:
                self._connection.request(method, path, body, headers=self._headers)
                response = self._connection.getresponse()
                content = response.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                said = type(error).__name__
            else:
                if response.status == http.client.OK:
                    return content
                said = f"{response.status} {_reason(content)}"
                if response.status not in _AGAIN:
                    raise ServingError(f"the server refused {method} {path}", value=said)
            if self._clock.monotonic() > until:
                raise ServingError(
                    f"the server does not answer {method} {path}",
                    value=said,
                    expected=f"an answer within {_PATIENCE:.0f} s",
                )
            self._clock.sleep(_PAUSE)


def _reason(content: bytes) -> str:
    import msgspec

    with suppress(msgspec.DecodeError, KeyError, TypeError):
        return str(msgspec.json.decode(content)["error"])
    return content[:200].decode(errors="replace")
