"""Blobs in an object store, with a folder of this machine as a read cache.

The layout is that of the local folder (``ab/abcdef...``, ``anchors/name``). An object store's PUT
is atomic and durable when it answers, so there are no temporaries; anchors are put with
``If-None-Match``, so that the store itself keeps them from being written twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from lapwise.core.clock import MachineClock
from lapwise.core.digest import Digest, digest_bytes
from lapwise.core.errors import (
    CorruptError,
    MissingDependencyError,
    StorageFullError,
    StoreError,
)
from lapwise.store.blob_names import (
    check_anchor,
    check_digest,
    check_same_anchor,
    corrupt,
    is_digest,
    missing,
)
from lapwise.store.blobs_local import ANCHORS, UPLOADS, LocalBlobs
from lapwise.store.boundary import crossing
from lapwise.store.uploads import Uploads

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig

__all__ = ["ObjectBlobs", "cache_folder"]

_RENEW_SECONDS = 600
_RETRY_SECONDS = 60


class ObjectBlobs:
    """Implements :class:`lapwise.store.model.Blobs` through obstore.

    Args:
        url: ``s3://bucket/prefix``; credentials, region and endpoint from ``AWS_*``.
        cache: where blobs are kept to be read as files; default a folder of the user's cache.

    Raises:
        MissingDependencyError: obstore is not installed.
        StoreError: the URL or the settings do not name a bucket.
    """

    def __init__(self, url: str, cache: Path | None = None) -> None:
        try:
            import obstore
        except ImportError as error:
            raise MissingDependencyError(
                "blobs in an object store need obstore",
                value=url,
                fix="pip install 'lapwise[local]'",
            ) from error
        self._obstore = obstore
        self._cache = LocalBlobs(cache or cache_folder(url))
        self._uploads = Uploads(self._cache.root / UPLOADS, self._adopt)
        self._clock = MachineClock()
        options: ClientConfig = {}
        if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
            options["allow_http"] = True  # said by whoever set the endpoint
        with _failures("open", url):
            self._store = obstore.store.S3Store.from_url(
                url,
                client_options=options,
                retry_config={"retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
            )

    def put(self, content: bytes) -> Digest:
        """Keep bytes durably and return their digest; keeping them twice costs one request.

        Raises:
            StorageFullError: no permission.
            StoreError: the object store does not answer.
        """
        digest = digest_bytes(content)
        if not self._kept(digest, len(content)):
            self._upload(digest, content)
        return digest

    def put_file(self, path: Path, *, expected: Digest | None = None) -> Digest:
        """Keep a file in constant memory.

        It is copied to the cache first, and uploaded from there: what is sent cannot change
        under way, and whoever reads it next on this machine has it already.

        Raises:
            StorageFullError: no room for the cache, or no permission.
            CorruptError: the file does not have the ``expected`` digest.
        """
        if expected is not None and self._kept(expected, path.stat().st_size):
            return expected
        digest = self._cache.put_file(path, expected=expected)
        if not self._kept(digest, self._cache.size(digest)):
            self._upload(digest, self._cache.path(digest))
        return digest

    def get(self, digest: Digest) -> bytes:
        """Return checked bytes, from the store.

        Raises:
            NotFoundError: there is no such blob.
            CorruptError: the bytes differ from their digest.
        """
        with _failures("read", digest):
            content = bytes(self._obstore.get(self._store, _key(digest)).bytes())
        if digest_bytes(content) != digest:
            raise corrupt(digest)
        return content

    def path(self, digest: Digest) -> Path:
        """Return a local read-only file with the blob, fetched once and checked once a process.

        Raises:
            NotFoundError: there is no such blob.
            CorruptError: the bytes differ from their digest.
        """
        if self._cache.has(digest):
            # A damaged cache is no damaged store: fetch it again.
            with suppress(CorruptError):
                return self._cache.path(digest)
        with _failures("read", digest):
            chunks = self._obstore.get(self._store, _key(digest)).stream()
            self._cache.put_chunks(digest, (bytes(chunk) for chunk in chunks))
        return self._cache.path(digest)

    def has(self, digest: Digest) -> bool:
        """Return whether the blob is there (its bytes unchecked)."""
        return self._head(digest) is not None

    def size(self, digest: Digest) -> int:
        """Return the blob's size in bytes; raises NotFoundError."""
        head = self._head(digest)
        if head is None:
            raise missing(digest)
        return head["size"]

    def digests(self) -> Iterator[Digest]:
        """Yield the digest of each blob, in any order."""
        with _failures("list", "blobs"):
            for page in self._obstore.list(self._store):
                for entry in page:
                    folder, _, name = entry["path"].rpartition("/")
                    if is_digest(name) and folder == name[:2]:
                        yield name

    def remove(self, digest: Digest) -> None:
        """Remove a blob if it is there (garbage collection only)."""
        with _failures("remove", digest), suppress(FileNotFoundError):
            self._obstore.delete(self._store, _key(digest))

    def uploads(self) -> Uploads:
        """Return what has come of blobs that are sent in pieces; it lies in the cache until then."""
        return self._uploads

    def remove_older(self, digest: Digest, than: int) -> int | None:
        """Remove a blob last written before an instant and return its size; else return None."""
        head = self._head(digest)
        if head is None or _written(head) >= than:
            return None
        self.remove(digest)
        return head["size"]

    def remove_temporaries(self, older_than: int) -> int:
        """Remove what killed writers left in the cache and return how many; stores have none."""
        return self._cache.remove_temporaries(older_than)

    def anchor(self, name: str, content: bytes) -> None:
        """Write a small named object once; raises ConflictError when ``name`` holds other bytes."""
        check_anchor(name)
        key = f"{ANCHORS}/{name}"
        with _failures("anchor", name):
            try:
                self._obstore.put(self._store, key, content, mode="create", use_multipart=False)
            except self._obstore.exceptions.AlreadyExistsError:
                kept = bytes(self._obstore.get(self._store, key).bytes())
                check_same_anchor(name, kept, content)

    def anchors(self) -> dict[str, bytes]:
        """Return every anchored object by name."""
        found: dict[str, bytes] = {}
        with _failures("list", ANCHORS):
            for page in self._obstore.list(self._store, prefix=ANCHORS):
                for entry in page:
                    content = self._obstore.get(self._store, entry["path"]).bytes()
                    found[entry["path"].rpartition("/")[2]] = bytes(content)
        return dict(sorted(found.items()))

    def _head(self, digest: Digest) -> ObjectMeta | None:
        with _failures("look for", digest):
            try:
                return self._obstore.head(self._store, _key(digest))
            except FileNotFoundError:
                return None

    def _kept(self, digest: Digest, size: int) -> bool:
        """Say whether the blob is there, whole, and too young for garbage collection.

        The size is compared, so that a damaged object is replaced; its bytes are the object
        store's to keep. One that is older is written again: there is no cheaper way to renew it.
        """
        head = self._head(digest)
        if head is None or head["size"] != size:
            return False
        return self._clock.timestamp() - _written(head) < _RENEW_SECONDS * 1_000_000

    def _adopt(self, path: Path, digest: Digest) -> None:
        # First to the store: if that fails, what has come is still there to be tried again.
        if not self._kept(digest, path.stat().st_size):
            self._upload(digest, path)
        self._cache.adopt(path, digest)

    def _upload(self, digest: Digest, content: bytes | Path) -> None:
        crossing("blob-rename", "before")
        with _failures("write", digest):
            self._obstore.put(self._store, _key(digest), content)
        crossing("blob-rename", "after")


def _key(digest: Digest) -> str:
    check_digest(digest)
    return f"{digest[:2]}/{digest}"


def _written(head: ObjectMeta) -> int:
    return int(head["last_modified"].timestamp() * 1e6)


def cache_folder(url: str) -> Path:
    """Return where blobs from elsewhere are kept to be read as files, for each address apart."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "lapwise" / digest_bytes(url.encode())[:16]


@contextmanager
def _failures(act: str, what: str) -> Iterator[None]:
    """Raise the StoreError that an object store's error inside the block means."""
    from obstore import exceptions

    try:
        yield
    except FileNotFoundError as error:
        raise missing(what) from error
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
        raise StorageFullError(
            f"the object store does not let us {act}",
            value=what,
            expected="credentials with permission for the bucket",
            fix="set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION",
        ) from error
    except (exceptions.BaseError, ValueError) as error:
        raise StoreError(
            f"the object store failed to {act}",
            value=what,
            expected=str(error).partition("\n")[0][:200],
            fix="see that AWS_ENDPOINT_URL and the bucket are right, then repeat",
        ) from error
