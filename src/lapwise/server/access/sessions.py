"""Browsers that logged in: a random cookie in their hands, a hash of a token here, in memory only."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

from lapwise.core.clock import MachineClock
from lapwise.core.digest import Digest, digest_bytes

__all__ = ["COOKIE", "HOURS", "Sessions", "cookie_of", "made", "unmade"]

COOKIE = "lapwise-session"
HOURS = 12
_KEPT = 4096
_LONGEST = 128


class Sessions:
    """Sessions by the hash of their cookie; the oldest give way, and none outlives the process.

    Args:
        clock: this machine's.
    """

    def __init__(self, clock: MachineClock | None = None) -> None:
        self._clock = clock or MachineClock()
        self._lock = Lock()
        self._open: OrderedDict[Digest, tuple[Digest, float]] = OrderedDict()

    def open(self, hash: Digest) -> str:
        """Begin a session for the token with a hash; return the cookie's value."""
        value = secrets.token_urlsafe(32)
        with self._lock:
            self._open[_key(value)] = hash, self._clock.monotonic() + HOURS * 3600
            while len(self._open) > _KEPT:
                self._open.popitem(last=False)
        return value

    def find(self, value: str) -> Digest | None:
        """Return the hash of the token that a cookie stands for, or None."""
        key = _key(value)
        with self._lock:
            hash, ends = self._open.get(key, ("", 0.0))
            if hash and self._clock.monotonic() >= ends:
                del self._open[key]
                return None
        return hash or None

    def close(self, value: str) -> None:
        """End a session, if there is one."""
        with self._lock:
            self._open.pop(_key(value), None)


def cookie_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the value of the session's cookie, if a request bears just one.

    >>> cookie_of([(b"cookie", b"a=b; lapwise-session=xyz")])
    'xyz'
    >>> cookie_of([(b"cookie", b"lapwise-session=x; lapwise-session=y")]) is None
    True
    """
    found = [
        pair.strip().partition("=")[2]
        for name, value in headers
        if name == b"cookie"
        for pair in value.decode("latin-1").split(";")
        if pair.strip().partition("=")[0] == COOKIE
    ]
    return found[0] if len(found) == 1 and len(found[0]) <= _LONGEST else None


def made(value: str, *, secure: bool) -> str:
    """Return the header that gives a browser its cookie: no script reads it, no other site sends it."""
    return _cookie(value, HOURS * 3600, secure=secure)


def unmade(*, secure: bool) -> str:
    """Return the header that takes the cookie back."""
    return _cookie("", 0, secure=secure)


def _cookie(value: str, seconds: int, *, secure: bool) -> str:
    return f"{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict" + (
        "; Secure" if secure else ""
    )


def _key(value: str) -> Digest:
    return digest_bytes(value.encode())
