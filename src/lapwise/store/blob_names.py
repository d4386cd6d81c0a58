"""What blobs and anchors may be called, and the errors for those that are not as they should be."""

from __future__ import annotations

import re

from lapwise.core.digest import Digest
from lapwise.core.errors import ConflictError, CorruptError, DeclarationError, NotFoundError

__all__ = [
    "check_anchor",
    "check_digest",
    "check_same_anchor",
    "corrupt",
    "digests_of",
    "is_digest",
    "missing",
]

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ANCHOR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def is_digest(text: str) -> bool:
    """Say whether a text is 64 lower-case hexadecimal characters."""
    return _DIGEST.fullmatch(text) is not None


def digests_of(text: str) -> set[Digest]:
    """Return every digest that stands anywhere in a text.

    >>> digests_of('{"digest":"' + "ab" * 32 + '","note":"ab"}') == {"ab" * 32}
    True
    """
    return set(_DIGEST.findall(text))


def check_digest(digest: Digest) -> None:
    """Refuse what is no digest, before it becomes part of a path.

    Raises:
        NotFoundError: the text is not 64 lower-case hexadecimal characters.
    """
    if not is_digest(digest):
        raise NotFoundError(
            "not a digest", value=digest, expected="64 hexadecimal characters of BLAKE3"
        )


def check_anchor(name: str) -> None:
    """Refuse what cannot name an anchor on every kind of storage.

    Raises:
        DeclarationError: the name is not plain.
    """
    if not _ANCHOR.fullmatch(name):
        raise DeclarationError(
            "not a name for an anchor", value=name, expected="letters, digits, . _ and -"
        )


def check_same_anchor(name: str, kept: bytes, content: bytes) -> None:
    """Refuse to write an anchor a second time with other bytes.

    Raises:
        ConflictError: the bytes differ.
    """
    if kept != content:
        raise ConflictError(
            f"anchor '{name}' is written already",
            value=kept[:80],
            expected="the same bytes, or another name",
            fix="lapwise audit verify",
        )


def missing(digest: Digest) -> NotFoundError:
    """Return the error for a blob that is not there."""
    return NotFoundError(
        "there is no blob", value=digest, expected="a blob that was kept", fix="lapwise doctor"
    )


def corrupt(digest: Digest) -> CorruptError:
    """Return the error for a blob whose bytes are not those it is named for."""
    return CorruptError(
        "a blob's bytes differ from its digest",
        value=digest,
        expected="bytes that nobody changed",
        fix="lapwise doctor; making the same content again replaces the damaged blob",
    )
