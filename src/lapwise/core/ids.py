"""Identifiers that sort by the time they were made, and the small numbers people say aloud."""

from __future__ import annotations

import os
import time

__all__ = ["dated_id", "label", "new_id"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_id() -> str:
    """Return 26 characters: 48 bits of milliseconds, then 80 random bits (the ULID layout).

    Two processes never share one in practice; two made in different milliseconds sort by time.
    """
    return _written(time.time_ns() // 1_000_000, os.urandom(10))


def dated_id(at: int, digest: str) -> str:
    """Return the id of what was made elsewhere, at ``at`` microseconds: the same for one digest.

    >>> dated_id(1_700_000_000_000_000, "00" * 32)
    '01hf7yat000000000000000000'
    """
    return _written(max(0, at) // 1000 & (1 << 48) - 1, bytes.fromhex(digest)[:10])


def _written(milliseconds: int, rest: bytes) -> str:
    bits = (milliseconds << 80) | int.from_bytes(rest)
    return "".join(_ALPHABET[bits >> shift & 31] for shift in range(125, -1, -5))


def label(kind: str, number: int) -> str:
    """Return how people name a numbered record.

    >>> label("run", 43), label("version", 3), label("lap", 12)
    ('run 043', 'v3', 'lap 12')
    """
    if kind == "version":
        return f"v{number}"
    return f"run {number:03d}" if kind == "run" else f"{kind} {number}"
