"""Bytes on their way to become blobs: they come in pieces, and a cut costs only what was not sent.

What has come of a digest lies in one file, named by it. Whoever sends the rest appends, so it does
not matter who sent the beginning, or that either side was killed meanwhile; when all is there, the
bytes must have the digest, and the file becomes the blob by a rename. Memory is that of one piece.
"""

from __future__ import annotations

import fcntl
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import blake3
import msgspec

from lapwise.core.digest import Digest
from lapwise.core.errors import ConflictError, CorruptError
from lapwise.store.blob_names import check_digest
from lapwise.store.durable import make_folder, writing
from lapwise.store.staging import Staged, Staging

__all__ = ["DAY", "LARGEST_PIECE", "LARGEST_PUT", "Received", "Receiving", "Uploads"]

DAY = 86_400 * 1_000_000
"""Microseconds after which what has come, and was not gone on with, is given up."""

LARGEST_PUT = 1 << 20
"""Bytes that a blob may have to be sent at once, over HTTP; larger ones are sent in pieces."""

LARGEST_PIECE = 64 << 20
"""Bytes that a piece may have, over HTTP."""

_CHUNK = 4 << 20
_REMEMBERED = 64


class Received(msgspec.Struct, frozen=True):
    """How many bytes of a blob have come, and whether it is whole."""

    size: int
    complete: bool


class Uploads:
    """What has come of blobs that are not whole yet.

    Args:
        folder: where it lies, on the disk where the blobs are to be.
        adopt: makes a blob of a whole, checked and synced file, which it takes away.
    """

    def __init__(self, folder: Path, adopt: Callable[[Path, Digest], None]) -> None:
        self._folder = folder
        self._adopt = adopt
        # How far each file is hashed. Another process may have appended: the size tells.
        self._hashed: OrderedDict[Digest, tuple[int, blake3.blake3]] = OrderedDict()

    def received(self, digest: Digest) -> int:
        """Return how many bytes have come.

        Raises:
            NotFoundError: that is no digest.
        """
        try:
            return self._place(digest).stat().st_size
        except FileNotFoundError:
            return 0

    @contextmanager
    def receive(self, digest: Digest, offset: int) -> Iterator[Receiving]:
        """Open what has come, to append to it; what is written stays even if the block raises.

        Raises:
            ConflictError: another is appending now, or it does not end at ``offset``.
            StorageFullError: no room or no permission.
        """
        path = self._place(digest)
        with writing(self._folder), _appending(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size != offset:
                raise ConflictError(
                    "an upload goes on elsewhere", expected=f"to go on at byte {size}"
                )
            hasher = self._hasher(digest, size, file)
            receiving = Receiving(digest, path, file, size, hasher, self._adopt)
            try:
                yield receiving
            finally:
                if receiving.ended:
                    self._hashed.pop(digest, None)
                else:
                    self._remember(digest, receiving.size, hasher)

    def staging(self) -> Staging:
        """Return where bytes go whose digest is not known yet."""
        return Staging(self._folder, self._adopt)

    def stale(self, now: int) -> Iterator[Path]:
        """Yield files with which nobody went on for a day before an instant."""
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            try:
                if path.stat().st_mtime_ns < (now - DAY) * 1_000:
                    yield path
            except FileNotFoundError:
                continue

    def _place(self, digest: Digest) -> Path:
        check_digest(digest)
        return self._folder / digest

    def _hasher(self, digest: Digest, size: int, file: IO[bytes]) -> blake3.blake3:
        hashed, hasher = self._hashed.pop(digest, (0, None))
        if hasher is None or hashed != size:
            hasher = blake3.blake3(max_threads=blake3.blake3.AUTO)
            file.seek(0)
            while piece := file.read(_CHUNK):
                hasher.update(piece)
        file.seek(size)
        return hasher

    def _remember(self, digest: Digest, size: int, hasher: blake3.blake3) -> None:
        self._hashed[digest] = (size, hasher)
        while len(self._hashed) > _REMEMBERED:
            self._hashed.popitem(last=False)


class Receiving(Staged):
    """An upload that is being appended to, by one at a time."""

    def __init__(
        self,
        wanted: Digest,
        path: Path,
        file: IO[bytes],
        size: int,
        hasher: blake3.blake3,
        adopt: Callable[[Path, Digest], None],
    ) -> None:
        super().__init__(path, file, adopt, size=size, hasher=hasher)
        self.ended = False
        self._wanted = wanted

    def finish(self) -> None:
        """Make it a blob; what does not have its digest is thrown away.

        Raises:
            CorruptError: the bytes differ from the digest; sending starts again.
        """
        self.ended = True
        if self.digest() != self._wanted:
            self._path.unlink()
            raise CorruptError(
                "what was sent does not have its digest",
                value=self._wanted,
                expected="bytes that do not change while they are sent",
                fix="send it again",
            )
        self.keep()


@contextmanager
def _appending(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, new or not, that nobody else appends to."""
    make_folder(path.parent)
    number = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    with os.fdopen(number, "r+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it may have made a blob of this very file, or thrown it away.
            here = path.stat().st_ino == os.fstat(number).st_ino
        except (BlockingIOError, FileNotFoundError):
            here = False
        if not here:
            raise ConflictError(
                "an upload is being gone on with by another",
                fix="wait a moment, then ask how far it is",
            )
        yield file
