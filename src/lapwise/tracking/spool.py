"""Files that wait on this disk until a store far away has them.

Each lies under its digest in ``.lapwise/spool``, as it was when it was logged: shared with the
original where the file system can (and the original may change then), copied where it cannot. Whoever
ships the log that names a file brings it to the store first and removes it here afterwards.
"""

from __future__ import annotations

import os
from pathlib import Path

from lapwise.core.clock import MachineClock
from lapwise.core.digest import Digest, digest_bytes
from lapwise.core.errors import LapwiseError, NotFoundError
from lapwise.core.ids import new_id
from lapwise.store.blobs import Blobs
from lapwise.store.durable import copy, make_folder, opened, writing

__all__ = ["Spool", "spool_folder"]

STALE = 3_600_000_000
"""Microseconds after which a file that no log can name any more is litter."""


def spool_folder(root: Path) -> Path:
    """Return where a project's files wait for a store far away: ``.lapwise/spool``."""
    return root / ".lapwise" / "spool"


class Spool:
    """A folder of waiting files by digest; made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, content: bytes) -> Digest:
        """Keep bytes until :meth:`bring`; raises StorageFullError or StoreError."""
        digest = digest_bytes(content)
        if not self._path(digest).exists():
            partial = self._partial()
            with writing(self.folder):
                try:
                    partial.write_bytes(content)
                    partial.rename(self._path(digest))
                except BaseException:
                    partial.unlink(missing_ok=True)
                    raise
        return digest

    def keep_file(self, path: Path) -> tuple[Digest, int]:
        """Keep a file as it is now, in constant memory; return its digest and its bytes.

        Raises:
            StorageFullError: no room; nothing is left behind.
            NotFoundError: the file cannot be read.
        """
        partial = self._partial()
        with opened(path) as source, writing(self.folder):
            try:
                with partial.open("x+b") as target:
                    digest = copy(source, target)
                    target.flush()
                    size = os.fstat(target.fileno()).st_size
                partial.rename(self._path(digest))
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
        return digest, size

    def has(self, digest: Digest) -> bool:
        """Return whether a file waits here."""
        return self._path(digest).exists()

    def bring(self, digest: Digest, blobs: Blobs) -> None:
        """Put a file into the store unless it is there; it stays here until :meth:`forget`.

        Raises:
            NotFoundError: neither the spool nor the store has it.
            Exception: whatever the store raises; trying again later is safe.
        """
        path = self._path(digest)
        if path.exists():
            try:
                blobs.put_file(path, expected=digest)
            except LapwiseError:
                if path.exists():
                    raise
            else:
                return
        if not blobs.has(digest):  # else: another run brought the same bytes
            raise NotFoundError("a file that a run logged is gone", value=str(path))

    def forget(self, digest: Digest) -> None:
        """Let go of a file that the store has, and that a record there names."""
        self._path(digest).unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what dead processes left; only where no log is left that might name it."""
        if not self.folder.is_dir():
            return
        newest = MachineClock().timestamp() - STALE
        for path in self.folder.iterdir():
            try:
                if path.stat().st_mtime_ns // 1_000 < newest:
                    path.unlink(missing_ok=True)
            except FileNotFoundError:  # somebody else tidies as well
                continue

    def _path(self, digest: Digest) -> Path:
        return self.folder / digest

    def _partial(self) -> Path:
        with writing(self.folder):
            make_folder(self.folder)
        return self.folder / f"{new_id()}.part"
