"""Bytes whose digest is not known before all have come, on their way to become blobs.

They are written to a file beside the uploads, hashed as they come, and the file becomes the blob by a
rename. What is left of a writer that was killed is removed with stale uploads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import blake3

from lapwise.core.digest import Digest
from lapwise.core.errors import NotFoundError
from lapwise.core.ids import new_id
from lapwise.store.durable import sync, writing

__all__ = ["Spool", "Spools"]

_CHUNK = 4 << 20
_UPLOAD = re.compile(r"[0-9a-z]{26}")


class Spools:
    """Files that bytes are written to, one after the other or in numbered parts.

    Args:
        folder: where they lie, on the disk where the blobs are to be.
        adopt: makes a blob of a whole, checked and synced file, which it takes away.
    """

    def __init__(self, folder: Path, adopt: Callable[[Path, Digest], None]) -> None:
        self._folder = folder
        self._adopt = adopt

    @contextmanager
    def open(self) -> Iterator[Spool]:
        """Open a file to write to; unless it is kept, it is gone when the block ends.

        Raises:
            StorageFullError: no room or no permission.
        """
        path = self._folder / f"spool-{new_id()}"
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("xb", buffering=0) as file:
                    yield Spool(path, file, self._adopt)
            finally:
                path.unlink(missing_ok=True)

    def begin(self) -> str:
        """Return the id of a new upload in parts; it costs nothing until a part comes."""
        return new_id()

    @contextmanager
    def part(self, upload: str, number: int) -> Iterator[Spool]:
        """Open a part to write to; one that came before is replaced when the block ends well."""
        target = self._part(upload, number)
        path = target.with_name(f"{target.name}-{new_id()}")
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            try:
                with path.open("xb", buffering=0) as file:
                    yield Spool(path, file, self._adopt)
                path.rename(target)
            finally:
                path.unlink(missing_ok=True)

    def join(self, upload: str, numbers: Sequence[int]) -> tuple[Digest, int]:
        """Make a blob of an upload's parts, in the order given; return its digest and size.

        Raises:
            NotFoundError: a part did not come.
        """
        parts = [self._part(upload, number) for number in numbers]
        missing = [number for number, part in zip(numbers, parts, strict=True) if not part.exists()]
        if missing:
            raise NotFoundError(
                "parts of an upload did not come", value=missing[:20], expected="all of them"
            )
        with self.open() as spool:
            for part in parts:
                with part.open("rb") as file:
                    while piece := file.read(_CHUNK):
                        spool.write(piece)
            digest = spool.keep()
        self.drop(upload)
        return digest, spool.size

    def drop(self, upload: str) -> None:
        """Remove the parts of an upload; none is left at that."""
        pattern = f"{self._part(upload, 0).name.rpartition('-')[0]}-*"
        for path in self._folder.glob(pattern) if self._folder.is_dir() else ():
            with suppress(FileNotFoundError):
                path.unlink()

    def _part(self, upload: str, number: int) -> Path:
        if not _UPLOAD.fullmatch(upload):
            raise NotFoundError("there is no such upload", expected="the id that began it")
        return self._folder / f"part-{upload}-{number:05d}"


class Spool:
    """A file that is being written to, by one at a time."""

    def __init__(self, path: Path, file: IO[bytes], adopt: Callable[[Path, Digest], None]) -> None:
        self.size = 0
        self._path = path
        self._file = file
        self._adopt = adopt
        self._hasher = blake3.blake3(max_threads=blake3.blake3.AUTO)

    def write(self, piece: bytes) -> None:
        """Append bytes."""
        rest = memoryview(piece)
        with writing(self._path.parent):
            while rest:
                rest = rest[self._file.write(rest) :]
        self._hasher.update(piece)
        self.size += len(piece)

    def digest(self) -> Digest:
        """Return the digest of what was written."""
        return self._hasher.hexdigest()

    def keep(self) -> Digest:
        """Make it a blob and return its digest."""
        with writing(self._path.parent):
            sync(self._file)
            self._adopt(self._path, self.digest())
        return self.digest()
