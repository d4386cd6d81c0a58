"""What the address and the secret of a webhook may look like.

Where an address leads is looked at when it is used (``lapwise.server.webhooks.addresses``).
"""

from __future__ import annotations

import base64
import binascii
from urllib.parse import urlsplit

from lapwise.core.errors import DeclarationError

__all__ = ["PREFIX", "check_secret", "check_url"]

PREFIX = "whsec_"
"""What a secret begins with, by the Standard Webhooks specification; base64 follows."""

_LONGEST = 2000
_FEWEST, _MOST = 24, 64


def check_url(url: str) -> None:
    """Refuse what no event can be sent to.

    Raises:
        DeclarationError: it is not HTTP, names no host, a user or a password, or has a fragment.

    >>> check_url("https://example.org:8443/hooks/lapwise?channel=7")
    """
    problem = _problem(url)
    if problem:
        raise DeclarationError(
            f"events cannot be sent there: {problem}",
            value=url if "@" not in url else "...@" + url.rpartition("@")[2],
            expected="http:// or https://, a host, and no user or password",
            fix="lapwise webhook add https://example.org/hook",
        )


def check_secret(secret: str) -> None:
    """Refuse a secret that receivers' libraries could not use, or that could be guessed.

    Raises:
        DeclarationError: it is not ``whsec_`` and 24 to 64 bytes as base64; it is not shown.

    >>> check_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(PREFIX) or not _FEWEST <= len(key) <= _MOST:
        raise DeclarationError(
            "the secret of a webhook has another form",
            expected=f"{PREFIX} and {_FEWEST} to {_MOST} random bytes as base64",
            fix="lapwise webhook add makes one",
        )


def _problem(url: str) -> str:
    if len(url) > _LONGEST:
        return f"the address has more than {_LONGEST} characters"
    if not url.isascii() or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        return "the address has spaces, control characters or letters beyond ASCII"
    if "\\" in url:
        return "the address has a backslash, which programs read differently"
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        return "the address cannot be read"
    if parts.scheme not in {"http", "https"}:
        return "the address is not of http or https"
    if "@" in parts.netloc:
        return "the address names a user or a password"
    if not host or port == 0:
        return "the address names no host, or the port 0"
    if "%" in host:
        return "the host has an escape or a zone"
    return "the address has a fragment" if "#" in url else ""
