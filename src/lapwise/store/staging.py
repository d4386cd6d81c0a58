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
from lapwise.core.errors import DeclarationError, NotFoundError
from lapwise.core.ids import new_id
from lapwise.store.durable import make_folder, sync, writing

__all__ = ["Staged", "Staging"]

_CHUNK = 4 << 20
_UPLOAD = re.compile(r"[0-9a-z]{26}")


class Staging:
    """Files that bytes are written to, one after the other or in numbered parts.

    Args:
        folder: where they lie, on the disk where the blobs are to be.
        adopt: makes a blob of a whole, checked and synced file, which it takes away.
    """

    def __init__(self, folder: Path, adopt: Callable[[Path, Digest], None]) -> None:
        self._folder = folder
        self._adopt = adopt

    @contextmanager
    def open(self) -> Iterator[Staged]:
        """Open a file to write to; unless it is kept, it is gone when the block ends.

        Raises:
            StorageFullError: no room or no permission.
        """
        path = self._folder / f"new-{new_id()}"
        with writing(self._folder):
            make_folder(self._folder)
            try:
                with path.open("xb", buffering=0) as file:
                    yield Staged(path, file, self._adopt)
            finally:
                path.unlink(missing_ok=True)

    def begin(self) -> str:
        """Return the id of a new upload in parts; it costs nothing until a part comes."""
        return new_id()

    @contextmanager
    def part(self, upload: str, number: int) -> Iterator[Staged]:
        """Open a part to write to; one that came before is replaced when the block ends well."""
        target = self._part(upload, number)
        path = target.with_name(f"{target.name}-{new_id()}")
        with writing(self._folder):
            make_folder(self._folder)
            try:
                with path.open("xb", buffering=0) as file:
                    yield Staged(path, file, self._adopt)
                path.rename(target)
            finally:
                path.unlink(missing_ok=True)

    def join(
        self, upload: str, numbers: Sequence[int], *, most: int | None = None
    ) -> tuple[Digest, int]:
        """Make a blob of an upload's parts, in the order given; return its digest and size.

        Raises:
            NotFoundError: a part did not come.
            DeclarationError: together they have more than ``most`` bytes.
        """
        parts = [self._part(upload, number) for number in numbers]
        missing = [number for number, part in zip(numbers, parts, strict=True) if not part.exists()]
        if missing:
            raise NotFoundError(
                "parts of an upload did not come", value=missing[:20], expected="all of them"
            )
        if most is not None and sum(part.stat().st_size for part in parts) > most:
            self.drop(upload)
            raise DeclarationError("a file is too large", expected=f"at most {most} bytes")
        with self.open() as staged:
            for part in parts:
                with part.open("rb") as file:
                    while piece := file.read(_CHUNK):
                        staged.write(piece)
            digest = staged.keep()
        self.drop(upload)
        return digest, staged.size

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


class Staged:
    """A file that is being written to, by one at a time."""

    def __init__(
        self,
        path: Path,
        file: IO[bytes],
        adopt: Callable[[Path, Digest], None],
        *,
        size: int = 0,
        hasher: blake3.blake3 | None = None,
    ) -> None:
        self.size = size
        self._path = path
        self._file = file
        self._adopt = adopt
        self._hasher = hasher or blake3.blake3(max_threads=blake3.blake3.AUTO)

    def write(self, piece: bytes | memoryview) -> None:
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
