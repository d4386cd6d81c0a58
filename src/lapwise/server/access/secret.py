"""What a token is to whoever bears it: 256 random bits that are kept nowhere, only their hash."""

from __future__ import annotations

import re
import secrets

from lapwise.core.digest import Digest, digest_bytes

__all__ = ["hash_secret", "is_secret", "new_secret"]

_SHAPE = re.compile(r"lw_[A-Za-z0-9_-]{43}")


def new_secret() -> str:
    """Return a new secret: ``lw_`` and 43 characters that are safe in an address.

    >>> is_secret(new_secret()), new_secret() == new_secret()
    (True, False)
    """
    return "lw_" + secrets.token_urlsafe(32)


def is_secret(text: str) -> bool:
    """Say whether a text has the shape of a secret; no database need be asked about others.

    >>> is_secret("admin"), is_secret("lw_" + "x" * 43), is_secret("lw_" + "x" * 44)
    (False, True, False)
    """
    return _SHAPE.fullmatch(text) is not None


def hash_secret(secret: str) -> Digest:
    """Return what is kept of a secret.

    256 random bits cannot be guessed, so nothing slow is needed; and a token is found by the equality
    of hashes, whose timing tells nothing about the secret.
    """
    return digest_bytes(secret.encode())
