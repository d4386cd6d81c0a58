"""Files written so that they are on disk when the call returns, in constant memory."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import blake3

from lapwise.core.digest import Digest
from lapwise.core.errors import NotFoundError, StorageFullError, StoreError
from lapwise.core.ids import new_id

__all__ = [
    "copy",
    "digest_stream",
    "make_folder",
    "opened",
    "sync",
    "sync_folder",
    "write_file",
    "writing",
]

_CHUNK = 4 << 20
_FICLONE = 0x40049409  # linux/fs.h: share the file's extents, copying nothing
_NO_ROOM = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
    *(errno.EACCES, errno.EPERM, errno.EROFS),
}


def digest_stream(source: IO[bytes]) -> Digest:
    """Return the digest of the rest of a file, read in constant memory."""
    hasher = blake3.blake3(max_threads=blake3.blake3.AUTO)
    for chunk in _chunks(source):
        hasher.update(chunk)
    return hasher.hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to read it.

    Raises:
        NotFoundError: it is not there, or no file that we may read.
    """
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise NotFoundError(
            "a file to keep cannot be read",
            value=str(path),
            expected="a file",
            fix=error.strerror or "",
        ) from error
    with file:
        yield file


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Raise the StoreError that an error of the system inside the block means."""
    try:
        yield
    except OSError as error:
        kind = StorageFullError if error.errno in _NO_ROOM else StoreError
        raise kind(
            "a folder cannot be written",
            value=f"{root}: {error.strerror}",
            expected="room on the disk and permission to write",
            fix="free some space or mend the permissions, then repeat; nothing was half written",
        ) from error


def _chunks(source: IO[bytes]) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(_CHUNK))
    while count := source.readinto(buffer):  # type: ignore[attr-defined]
        yield buffer[:count]


def copy(source: IO[bytes], target: IO[bytes]) -> Digest:
    """Copy a whole file and return the digest of what was written."""
    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError:  # another filesystem, or one that cannot share extents
        hasher = blake3.blake3(max_threads=blake3.blake3.AUTO)
        for chunk in _chunks(source):
            hasher.update(chunk)
            target.write(chunk)
        return hasher.hexdigest()
    target.seek(0)
    return digest_stream(target)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it that are not there, for this user alone.

    What lies in them tells of patches, predictions and secrets of webhooks, and who else uses this
    machine is not known. A folder that is there keeps its mode: whoever made it decided.

    Raises:
        OSError: it cannot be made.
    """
    missing = [folder]
    while not missing[-1].exists() and missing[-1] != missing[-1].parent:
        missing.append(missing[-1].parent)
    for one in reversed(missing):
        if not one.is_dir():
            one.mkdir(mode=0o700, exist_ok=True)


def sync(file: IO[bytes]) -> None:
    """Wait until what was written to a file is on disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on disk."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_file(path: Path, content: bytes) -> None:
    """Write a small file whole: whoever reads it, at any moment, finds the old bytes or the new.

    It is written under another name, synced, renamed, and the folder synced, so that it is on disk
    when the call returns. A writer that is killed may leave ``.<name>.<id>.part`` beside it.

    Raises:
        StorageFullError: no room or no permission; the old file is as it was.
        StoreError: the folder is not there, or cannot be written for another reason.
    """
    partial = path.with_name(f".{path.name}.{new_id()}.part")
    with writing(path.parent):
        try:
            with partial.open("xb") as file:
                file.write(content)
                sync(file)
            partial.rename(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
