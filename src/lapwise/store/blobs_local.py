"""Blobs as read-only files named by their digest.

A blob becomes visible only by a rename of a complete, synced file in the same folder tree, and the
call returns only when the rename itself is on disk. So a crash leaves either the whole blob or a
temporary file that garbage collection removes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import blake3

from lapwise.core.clock import MachineClock
from lapwise.core.digest import Digest, digest_bytes
from lapwise.core.errors import CorruptError, StoreError
from lapwise.core.ids import new_id
from lapwise.store.blob_names import (
    check_anchor,
    check_digest,
    check_same_anchor,
    corrupt,
    is_digest,
    missing,
)
from lapwise.store.boundary import crossing
from lapwise.store.durable import (
    copy,
    digest_stream,
    make_folder,
    opened,
    sync,
    sync_folder,
    writing,
)
from lapwise.store.uploads import Uploads

__all__ = ["ANCHORS", "TEMPORARY", "UPLOADS", "LocalBlobs"]

TEMPORARY = "tmp"
UPLOADS = "uploads"
ANCHORS = "anchors"

_RENEW_NS = 600 * 1_000_000_000  # ten minutes, of the hour that garbage collection spares


class LocalBlobs:
    """Implements :class:`lapwise.store.blobs.Blobs` in a folder: ``ab/abcdef...``.

    Args:
        root: the folder; made when the first blob comes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        # (digest, mtime, size) of files whose bytes this process has seen to be right.
        self._checked: set[tuple[Digest, int, int]] = set()
        self._uploads = Uploads(root / UPLOADS, self.adopt)

    def put(self, content: bytes) -> Digest:
        """Keep bytes durably and return their digest; keeping them twice costs nothing.

        Raises:
            StorageFullError: no room or no permission; nothing is left behind.
        """
        digest = digest_bytes(content)
        if not self._kept(digest, len(content)):
            with self._new(digest) as file:
                file.write(content)
        return digest

    def put_file(self, path: Path, *, expected: Digest | None = None) -> Digest:
        """Keep a file in constant memory; ``expected`` (if known) saves hashing it twice.

        What is hashed is what is written, so a file that changes meanwhile cannot be kept under
        a digest that is not its own.

        Raises:
            StorageFullError: no room or no permission; nothing is left behind.
            CorruptError: the file does not have the ``expected`` digest.
            NotFoundError: the file cannot be read.
        """
        with opened(path) as source:
            digest = expected or digest_stream(source)
            check_digest(digest)
            if self._kept(digest, os.fstat(source.fileno()).st_size):
                return digest
            source.seek(0)
            with self._new(digest) as file:
                found = copy(source, file)
                if found != digest:
                    raise CorruptError(
                        f"file {path} is not what it was a moment ago",
                        value=found,
                        expected=digest,
                        fix="let nobody write the file meanwhile, and repeat",
                    )
        return digest

    def get(self, digest: Digest) -> bytes:
        """Return checked bytes.

        Raises:
            NotFoundError: there is no such blob.
            CorruptError: the bytes differ from their digest.
        """
        try:
            content = self.location(digest).read_bytes()
        except OSError as error:
            raise _unreadable(digest, error) from error
        if digest_bytes(content) != digest:
            raise corrupt(digest)
        return content

    def path(self, digest: Digest) -> Path:
        """Return a local read-only file with the blob, checked once a process.

        Raises:
            NotFoundError: there is no such blob.
            CorruptError: the bytes differ from their digest.
        """
        path = self.location(digest)
        try:
            status = path.stat()
        except OSError as error:
            raise _unreadable(digest, error) from error
        if not self._is_right(digest, path, status):
            raise corrupt(digest)
        return path

    def has(self, digest: Digest) -> bool:
        """Return whether the blob is there (its bytes unchecked)."""
        return self.location(digest).exists()

    def size(self, digest: Digest) -> int:
        """Return the blob's size in bytes; raises NotFoundError."""
        try:
            return self.location(digest).stat().st_size
        except OSError as error:
            raise _unreadable(digest, error) from error

    def digests(self) -> Iterator[Digest]:
        """Yield the digest of each blob, in any order."""
        with suppress(FileNotFoundError):
            for folder in self.root.iterdir():
                if len(folder.name) == 2:
                    yield from (p.name for p in folder.iterdir() if is_digest(p.name))

    def remove(self, digest: Digest) -> None:
        """Remove a blob if it is there (garbage collection only)."""
        self.location(digest).unlink(missing_ok=True)

    def anchor(self, name: str, content: bytes) -> None:
        """Write a small named object once; raises ConflictError when ``name`` holds other bytes."""
        check_anchor(name)
        target = self.root / ANCHORS / name
        with self._temporary() as (temporary, file):
            file.write(content)
            sync(file)
            target.parent.mkdir(exist_ok=True)
            try:
                os.link(temporary, target)  # unlike a rename, a link never replaces
            except FileExistsError:
                check_same_anchor(name, target.read_bytes(), content)
            sync_folder(target.parent)

    def anchors(self) -> dict[str, bytes]:
        """Return every anchored object by name."""
        folder = self.root / ANCHORS
        if not folder.is_dir():
            return {}
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}

    def put_chunks(self, digest: Digest, chunks: Iterable[bytes]) -> None:
        """Keep bytes that come piece by piece and must have a digest; raises CorruptError."""
        hasher = blake3.blake3(max_threads=blake3.blake3.AUTO)
        with self._new(digest) as file:
            for chunk in chunks:
                hasher.update(chunk)
                file.write(chunk)
            if hasher.hexdigest() != digest:
                raise corrupt(digest)

    def uploads(self) -> Uploads:
        """Return what has come of blobs that are sent in pieces."""
        return self._uploads

    def adopt(self, path: Path, digest: Digest) -> None:
        """Make a blob of a file on the same disk that is whole, checked and synced, by a rename."""
        target = self.location(digest)
        with writing(self.root):
            target.parent.mkdir(exist_ok=True)
            crossing("blob-rename", "before")
            path.rename(target)
            target.chmod(0o444)
            sync_folder(target.parent)
            crossing("blob-rename", "after")
            status = target.stat()
        self._checked.add((digest, status.st_mtime_ns, status.st_size))

    def remove_older(self, digest: Digest, than: int) -> int | None:
        """Remove a blob last written before an instant and return its size; else return None.

        It is moved aside first and looked at again: whoever asked for it meanwhile has renewed
        its time, and gets it back.
        """
        path = self.location(digest)
        aside = self.root / TEMPORARY / f"{new_id()}-{os.getpid()}"
        with writing(self.root):
            aside.parent.mkdir(exist_ok=True)
            try:
                path.rename(aside)
            except FileNotFoundError:
                return None
            status = aside.stat()
            if status.st_mtime_ns >= than * 1_000:
                aside.rename(path)
                return None
            aside.unlink()
        return status.st_size

    def temporaries(self, older_than: int) -> Iterator[Path]:
        """Yield what killed writers left before an instant, and uploads given up a day before it."""
        yield from self._uploads.stale(older_than)
        folder = self.root / TEMPORARY
        for path in folder.iterdir() if folder.is_dir() else ():
            with suppress(FileNotFoundError):
                if path.stat().st_ctime_ns < older_than * 1_000:
                    yield path

    def remove_temporaries(self, older_than: int) -> int:
        """Remove what killed writers left before an instant and return how many files it was."""
        found = list(self.temporaries(older_than))
        with writing(self.root):
            for path in found:
                path.unlink(missing_ok=True)
        return len(found)

    def location(self, digest: Digest) -> Path:
        """Return where a blob is, or would be; nothing is checked."""
        check_digest(digest)
        return self.root / digest[:2] / digest

    def _kept(self, digest: Digest, size: int) -> bool:
        """Say whether the blob is there and whole, so that it need not be written again.

        A damaged file is not trusted: it is written anew and renamed over. Its bytes are read
        once a process, its size every time. The time of a file that is asked for again is
        renewed, because garbage collection spares what is young: its record is yet to come.
        """
        path = self.location(digest)
        try:
            status = path.stat()
            if status.st_size != size:
                return False
            known = (digest, status.st_mtime_ns, size) in self._checked
            if not self._is_right(digest, path, status):
                return False
            if not known:
                sync_folder(path.parent)  # whoever renamed it may not have come so far
            if MachineClock().timestamp() * 1_000 - status.st_mtime_ns > _RENEW_NS:
                with suppress(PermissionError):
                    os.utime(path)
                    self._checked.add((digest, path.stat().st_mtime_ns, size))
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def _is_right(self, digest: Digest, path: Path, status: os.stat_result) -> bool:
        key = (digest, status.st_mtime_ns, status.st_size)
        if key not in self._checked:
            with opened(path) as file:
                if digest_stream(file) != digest:
                    return False
            self._checked.add(key)
        return True

    @contextmanager
    def _new(self, digest: Digest) -> Iterator[IO[bytes]]:
        """Open a file that becomes the blob when the block ends, and vanishes if it raises."""
        target = self.location(digest)
        with self._temporary() as (temporary, file):
            yield file
            sync(file)
            target.parent.mkdir(exist_ok=True)
            crossing("blob-rename", "before")
            temporary.rename(target)
            sync_folder(target.parent)
            crossing("blob-rename", "after")
            status = target.stat()
        self._checked.add((digest, status.st_mtime_ns, status.st_size))

    @contextmanager
    def _temporary(self) -> Iterator[tuple[Path, IO[bytes]]]:
        path = self.root / TEMPORARY / f"{new_id()}-{os.getpid()}"
        with writing(self.root):
            if not path.parent.is_dir():
                make_folder(path.parent)
            try:
                # Read-only from birth: the mode rules who may open it later, not this descriptor.
                number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o444)
                with os.fdopen(number, "r+b") as file:
                    yield path, file
            finally:
                path.unlink(missing_ok=True)


def _unreadable(digest: Digest, error: OSError) -> StoreError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return missing(digest)
    return StoreError(
        f"blob {digest} cannot be read",
        value=error.strerror,
        expected="permission to read, on a disk that works",
        fix="lapwise doctor",
    )
