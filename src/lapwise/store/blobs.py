"""What holds the bytes that records name, and how it is opened.

The data plane has one of these and no database, so nothing here loads SQL.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lapwise.core.digest import Digest
from lapwise.core.errors import DeclarationError
from lapwise.store.address import refuse_remote
from lapwise.store.blobs_local import LocalBlobs
from lapwise.store.uploads import Uploads

if TYPE_CHECKING:
    from lapwise.store.blobs_object import ObjectBlobs

__all__ = ["Blobs", "open_blobs"]


class Blobs(Protocol):
    """Bytes by BLAKE3 digest, on a local disk or in an object store."""

    def put(self, content: bytes) -> Digest:
        """Keep bytes durably and return their digest; keeping them twice costs nothing."""
        ...

    def put_file(self, path: Path, *, expected: Digest | None = None) -> Digest:
        """Keep a file in constant memory; ``expected`` (if known) saves hashing it twice.

        Raises:
            StorageFullError: no room or no permission; nothing is left behind.
            CorruptError: the file does not have the ``expected`` digest.
        """
        ...

    def get(self, digest: Digest) -> bytes:
        """Return checked bytes.

        Raises:
            NotFoundError: there is no such blob.
            CorruptError: the bytes differ from their digest.
        """
        ...

    def path(self, digest: Digest) -> Path:
        """Return a local read-only file with the blob (checked once a process; fetched if remote).

        Raises:
            NotFoundError, CorruptError: as :meth:`get`.
        """
        ...

    def has(self, digest: Digest) -> bool:
        """Return whether the blob is there (its bytes unchecked)."""
        ...

    def size(self, digest: Digest) -> int:
        """Return the blob's size in bytes; raises NotFoundError."""
        ...

    def digests(self) -> Iterator[Digest]:
        """Yield the digest of each blob, in any order."""
        ...

    def remove(self, digest: Digest) -> None:
        """Remove a blob if it is there (garbage collection only)."""
        ...

    def anchor(self, name: str, content: bytes) -> None:
        """Write a small named object once; raises ConflictError when ``name`` holds other bytes."""
        ...

    def anchors(self) -> dict[str, bytes]:
        """Return every anchored object by name."""
        ...

    def uploads(self) -> Uploads:
        """Return what has come of blobs that are sent in pieces, to go on with it."""
        ...


def open_blobs(url: str) -> LocalBlobs | ObjectBlobs:
    """Open a folder or an object store; nothing is written before the first blob.

    Raises:
        DeclarationError: the URL is of neither.
    """
    refuse_remote(url)
    scheme, found, rest = url.partition("://")
    if not found:
        return LocalBlobs(Path(url))
    if scheme == "file":
        return LocalBlobs(Path(rest))
    if scheme == "s3":
        return _object_blobs(url)
    raise DeclarationError(
        "not a place for blobs", value=url, expected="a folder, or s3://bucket/prefix"
    )


def _object_blobs(url: str) -> ObjectBlobs:
    from lapwise.store.blobs_object import ObjectBlobs

    return ObjectBlobs(url)
