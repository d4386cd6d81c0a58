"""BLAKE3 digests: the names of everything that Lapwise keeps."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import blake3
import msgspec

__all__ = ["Digest", "digest_bytes", "digest_file", "digest_value", "encode_canonical"]

Digest: TypeAlias = str
"""64 hexadecimal characters of BLAKE3."""

_CANONICAL = msgspec.json.Encoder(order="deterministic")
_DIGESTED = msgspec.msgpack.Encoder(order="deterministic")


def digest_bytes(content: bytes | memoryview) -> Digest:
    """Return the digest of bytes in memory.

    >>> digest_bytes(b"")[:12]
    'af1349b9f5f9'
    """
    return blake3.blake3(content).hexdigest()


def digest_file(path: Path) -> Digest:
    """Return the digest of a file, read through the page cache on all cores.

    Raises:
        OSError: the file cannot be read.
    """
    hasher = blake3.blake3(max_threads=blake3.blake3.AUTO)
    hasher.update_mmap(path)
    return hasher.hexdigest()


def encode_canonical(value: object) -> bytes:
    """Return JSON of a record or plain value that is the same for equal values; NaN becomes null.

    >>> encode_canonical({"b": 1, "a": (2, 3)})
    b'{"a":[2,3],"b":1}'
    """
    return _CANONICAL.encode(value)


def digest_value(value: object) -> Digest:
    """Return the digest of a record or plain value; 1, 1.0, True, NaN and None are five values.

    >>> digest_value(float("nan")) == digest_value(None)
    False
    """
    return digest_bytes(_DIGESTED.encode(value))
