"""An encoding in which two different things never share bytes.

Every token is a tag, the number of its parts, and each part behind its length, so no value can
imitate the boundary between two others.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

__all__ = ["SCALARS", "text", "token"]


def token(tag: bytes, *parts: bytes) -> bytes:
    """Return ``tag`` with its parts, each behind its length.

    >>> token(b"t", b"ab", b"c") == token(b"t", b"a", b"bc")
    False
    """
    pieces = [tag, b"(", len(parts).to_bytes(6)]
    for part in parts:
        pieces += (len(part).to_bytes(6), part)
    return b"".join(pieces)


def text(value: str) -> bytes:
    """Return UTF-8, lone surrogates included."""
    return value.encode("utf-8", "surrogatepass")


SCALARS: dict[type, Callable[[object], bytes]] = {
    type(None): lambda _: b"N",
    type(...): lambda _: b"E",
    type(NotImplemented): lambda _: b"I",
    bool: lambda value: b"T" if value else b"F",
    int: lambda value: token(b"i", b"%x" % value),  # type: ignore[str-format]
    # The bits: 0.0 and -0.0 differ, and so do NaNs of different payload.
    float: lambda value: token(b"f", struct.pack(">d", value)),
    complex: lambda value: token(b"c", struct.pack(">2d", value.real, value.imag)),  # type: ignore[attr-defined]
    bytes: lambda value: token(b"b", value),  # type: ignore[arg-type]
    bytearray: lambda value: token(b"B", bytes(value)),  # type: ignore[call-overload]
}
"""How plain values without parts are written, by exact type (text is apart: it may name a file)."""
