"""The write-ahead log of a run: what was logged, in a file that outlives the process.

A log is one append-only file of frames (:mod:`lapwise.store.frames`), each an entry in MessagePack.
A call that returned has handed its frame to the operating system, so ``kill -9`` loses nothing; a
frame that a dying process left half written fails its checksum, and the reader stops before it and
says so.

The file is also the queue. The shipper reads it from the front, in batches whose borders follow
from the bytes alone: a batch ends at a :class:`Cut` frame, or once it holds ``BATCH_BYTES``. Whoever
reads the file again, after a crash or on another day, finds the same batches under the same
numbers, and the store takes each ``(file, number)`` once. Nothing is counted twice, and no memory
grows while the store is away.

The writer holds a lock (``flock``) on its file for as long as it lives. The kernel lifts it when
the process ends, however it ends: a log that can be locked has no writer any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec

from lapwise.core.errors import StorageFullError, TrackingError
from lapwise.core.ids import new_id
from lapwise.core.model import RunStatus, Scalar
from lapwise.store.frames import append_frame, read_frames

__all__ = [
    "BATCH_BYTES",
    "ArtifactEntry",
    "Batch",
    "Begin",
    "Cut",
    "End",
    "Entry",
    "LogReader",
    "LogWriter",
    "MetricsEntry",
    "ParamsEntry",
    "TagsEntry",
    "encode",
]

BATCH_BYTES = 256 * 1024
"""A batch is closed once it holds so many bytes: about 7,000 single metrics."""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """The first frame: whose log this is. ``store`` is the digest of the store's address."""

    run: str
    store: str
    at: int


class MetricsEntry(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Numbers logged in one call."""

    at: int
    step: int
    values: dict[str, float]


class ParamsEntry(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """Parameters logged in one call."""

    values: dict[str, Scalar]


class TagsEntry(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """Tags set in one call."""

    values: dict[str, str]


class ArtifactEntry(msgspec.Struct, frozen=True, array_like=True, tag=4):
    """A file whose bytes are in the blob store already."""

    name: str
    digest: str
    size: int


class Cut(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """The end of a batch, written by the shipper before it reads the batch."""


class End(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """The last frame: how the run ended."""

    status: RunStatus
    at: int


Entry: TypeAlias = Begin | MetricsEntry | ParamsEntry | TagsEntry | ArtifactEntry | Cut | End

encode = msgspec.msgpack.Encoder().encode
"""Encodes one entry."""

_DECODE = msgspec.msgpack.Decoder(Entry).decode
_CUT = encode(Cut())


class LogWriter:
    """Appends to one log file; safe to share between threads.

    The file appears under its name with its first frame in it, so nobody ever reads a log that
    does not say whose it is.

    Raises:
        StorageFullError: the folder cannot be written.
    """

    def __init__(self, folder: Path, begin: Begin) -> None:
        self.path = folder / f"{new_id()}.wal"
        self._lock = threading.RLock()  # re-entrant: a signal handler may log as well
        self._sealed = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            while not self._create(begin):
                pass
        except OSError as error:
            raise StorageFullError(
                f"the run's log cannot be written in {folder}: {error.strerror}",
                expected="a folder with room, that you may write to",
            ) from error

    def _create(self, begin: Begin) -> bool:
        """Make the file; False when somebody tidied it away before it was locked."""
        fresh = self.path.with_suffix(".new")
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND
        self._fd = os.open(fresh, flags, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
            self.write(begin)
            fresh.rename(self.path)
        except FileNotFoundError:
            os.close(self._fd)
            return False
        except BaseException:
            os.close(self._fd)
            fresh.unlink(missing_ok=True)
            raise
        return True

    @property
    def size(self) -> int:
        """The bytes written so far, whole frames only."""
        with self._lock:
            return os.fstat(self._fd).st_size

    def append(self, payload: bytes) -> None:
        """Hand one encoded entry to the operating system; it outlives this process from here on.

        Raises:
            ValueError: the entry is larger than a frame may be.
            TrackingError: the log is sealed.
            OSError: no room; the log is as it was before.
        """
        with self._lock:
            if self._sealed:
                raise TrackingError(
                    "the run has ended",
                    expected="logging before end(), or inside the `with` block",
                    fix="start another run",
                )
            append_frame(self._fd, payload)

    def write(self, entry: Entry) -> None:
        """Encode an entry and append it; raises as :meth:`append`."""
        self.append(encode(entry))

    def cut(self) -> None:
        """End the batch here; raises OSError when there is no room even for that."""
        self.append(_CUT)

    def seal(self, end: End) -> None:
        """Append the last entry and take no more; a full disk loses only this entry."""
        with self._lock:
            if not self._sealed:
                with contextlib.suppress(OSError):
                    self.write(end)
                self._sealed = True

    def close(self) -> None:
        """Let go of the file and its lock; whoever recovers may have it then."""
        os.close(self._fd)


class Batch(msgspec.Struct, frozen=True):
    """The entries of one batch, its number in the file from 0, and where it ends in the file."""

    number: int
    entries: tuple[Entry, ...]
    end: int


class LogReader:
    """Reads a log from the front, a batch at a time."""

    def __init__(self, path: Path) -> None:
        self.offset = 0
        self.damaged = False
        self._number = 0
        self._fd = os.open(path, os.O_RDONLY)

    def next(self, *, upto: int | None = None, rest: bool = False) -> Batch | None:
        """Return the next batch and move past it, or None when there is no complete one.

        Args:
            upto: read no byte from here on; a living writer's ``size``.
            rest: the writer is gone, so what is left is a batch too. ``damaged`` then tells
                whether bytes after the last sound frame were left out.
        """
        entries: list[Entry] = []
        end, full = self.offset, self.offset + BATCH_BYTES
        for entry, end in self._frames(upto):
            if type(entry) is not Cut:
                entries.append(entry)
                if end >= full:
                    return self._take(entries, end)
            elif entries:
                return self._take(entries, end)
            else:  # a cut with nothing before it borders no batch
                self.offset, full = end, end + BATCH_BYTES
        if not rest:
            return None
        self.damaged = end != os.fstat(self._fd).st_size
        return self._take(entries, end) if entries else None

    def _take(self, entries: list[Entry], end: int) -> Batch:
        batch = Batch(self._number, tuple(entries), end)
        self.offset = end
        self._number += 1
        return batch

    def _frames(self, upto: int | None) -> Iterator[tuple[Entry, int]]:
        """Yield sound frames from the offset on, each with the position after it."""
        for payload, end in read_frames(self._fd, self.offset, upto=upto, chunk=BATCH_BYTES):
            yield _DECODE(payload), end

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)
