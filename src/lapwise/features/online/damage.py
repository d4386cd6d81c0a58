"""What is told of a record that cannot be read as what was written."""

from __future__ import annotations

import struct

import msgspec

from lapwise.core.errors import CorruptError

__all__ = ["UNREADABLE", "damaged"]

UNREADABLE = (struct.error, msgspec.DecodeError, ValueError, IndexError, TypeError)
"""What reading a record raises that was cut short or written over."""


def damaged(view: str) -> CorruptError:
    """Return the error of a view one of whose records is damaged."""
    return CorruptError(
        f"view '{view}': a record of the online store is damaged",
        expected="what a write of Lapwise left there",
        fix="lapwise features materialize --fresh",
    )
