"""Records as text: what a store keeps of them, wherever it is, and the typed face above it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from lapwise.core.digest import Digest
from lapwise.store.encoding import decode, encode

__all__ = ["RecordTexts", "TypedRecords"]


class RecordTexts(Protocol):
    """Bodies of records by (kind, digest), as :mod:`lapwise.store.encoding` writes them."""

    def text(self, kind: str, digest: Digest) -> str:
        """Return the body of a record; raises NotFoundError."""
        ...

    def keep(self, kind: str, digest: Digest, text: str) -> None:
        """Keep a body; kept already, it stays as it is."""
        ...

    def digests(self, kind: str) -> Sequence[Digest]:
        """Return the digests kept under a kind, oldest first."""
        ...


class TypedRecords(RecordTexts):
    """Implements :class:`lapwise.store.model.Records` above the texts.

    A type of Python cannot travel, so this face stands on both sides of a wire, and text crosses it.
    """

    def add(self, kind: str, digest: Digest, record: msgspec.Struct) -> None:
        """Keep a record; kept already, it stays as it is."""
        self.keep(kind, digest, encode(record))

    def get(self, kind: str, digest: Digest, type: type[msgspec.Struct]) -> msgspec.Struct:
        """Return a record decoded as ``type``; raises NotFoundError."""
        return decode(self.text(kind, digest), type)
