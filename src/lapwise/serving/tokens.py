"""Who may ask: anybody on this machine, and elsewhere whoever has a token."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Sequence
from hmac import compare_digest

from lapwise.core.errors import ServingError
from lapwise.serving.model import InferenceError

__all__ = ["Guard", "is_loopback", "tokens_for"]

VARIABLE = "LAPWISE_TOKEN"
_SHORTEST = 16
_REMEMBERED = 64
_LOCAL_NAMES = frozenset({"localhost", "ip6-localhost"})


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a host.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "")]
    [True, True, True, False, False]
    """
    if host.lower() in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def tokens_for(host: str, given: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the tokens that requests must bear: those given, else that of ``LAPWISE_TOKEN``.

    Raises:
        ServingError: the host can be reached from outside and there is no token, or one is short.
    """
    tokens = tuple(given) or tuple(filter(None, [os.environ.get(VARIABLE, "")]))
    if not tokens and not is_loopback(host):
        raise ServingError(
            "a server that others can reach needs a token",
            value=host,
            expected=f"{VARIABLE} in the environment, or the host 127.0.0.1",
            fix=f"export {VARIABLE}=$(openssl rand -hex 32)",
        )
    if any(len(token) < _SHORTEST for token in tokens):
        raise ServingError(
            f"a token is shorter than {_SHORTEST} characters", fix="openssl rand -hex 32"
        )
    return tokens


class Guard:
    """Lets a request in by its headers, or refuses it.

    With tokens, one must be borne. Without, the server is for this machine alone: a browser that was
    led here by another site's page names another host, or another origin, and is refused.

    Args:
        tokens: any of them opens; none for this machine alone.
    """

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        self._tokens = [token.encode() for token in tokens]
        self._known: set[bytes] = set()

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Raise InferenceError (401 or 403) unless the request may come in."""
        if self._tokens:
            self._check_token(headers)
            return
        for name, value in headers:
            if name == b"host" and not self._is_local(value):
                raise InferenceError(403, "this server answers on this machine only")
            if name == b"origin" and not self._is_local(value.partition(b"//")[2]):
                raise InferenceError(403, "a page of another site may not ask this server")

    def _is_local(self, host: bytes) -> bool:
        if host in self._known:
            return True
        local = is_loopback(_without_port(host))
        if local and len(self._known) < _REMEMBERED:
            self._known.add(host)
        return local

    def _check_token(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        borne = next((value for name, value in headers if name == b"authorization"), b"")
        scheme, _, token = borne.partition(b" ")
        # Every token is compared, so that the time tells nothing.
        right = [compare_digest(token.strip(), one) for one in self._tokens]
        if scheme.lower() != b"bearer" or not any(right):
            raise InferenceError(401, "a token is needed: Authorization: Bearer TOKEN")


def _without_port(host: bytes) -> str:
    text = host.decode("latin-1")
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]
