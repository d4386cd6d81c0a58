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
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import StorageFullError, TrackingError
from lapwise.core.ids import new_id
from lapwise.core.model import Capture, Run, RunStatus, Scalar
from lapwise.store.durable import make_folder
from lapwise.store.frames import append_frame, read_frames

__all__ = [
    "BATCH_BYTES",
    "ArtifactEntry",
    "Batch",
    "Begin",
    "CaptureEntry",
    "Cut",
    "End",
    "Entry",
    "LogReader",
    "LogWriter",
    "MetricsEntry",
    "ParamsEntry",
    "Role",
    "TagsEntry",
    "add_cut",
    "claimed",
    "encode",
    "log_folder",
    "read_begin",
    "store_mark",
]

BATCH_BYTES = 256 * 1024
"""A batch is closed once it holds so many bytes: about 7,000 single metrics."""


Role: TypeAlias = Literal["owner", "resumed", "joined", "forked"]
"""Who writes a log: who started the run, who opened it again (these two end it), another process,
or a forked child, whose parent carries its log."""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """The first frame: whose log this is. ``store`` is the digest of the store's address.

    ``record`` is there when the run may not be in the store yet: whoever ships the log makes it.
    """

    run: str
    store: str
    at: int
    role: Role = "owner"
    record: Run | None = None


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
    """A file whose bytes are in the blob store already, or ``spooled``: on this disk for now."""

    name: str
    digest: str
    size: int
    spooled: bool = False


class Cut(msgspec.Struct, frozen=True, array_like=True, tag=5):
    """The end of a batch, written by the shipper before it reads the batch."""


class End(msgspec.Struct, frozen=True, array_like=True, tag=6):
    """The last frame: how the run ended."""

    status: RunStatus
    at: int


class CaptureEntry(msgspec.Struct, frozen=True, array_like=True, tag=7):
    """What it takes to repeat the run, known better than at its start."""

    capture: Capture


Entry: TypeAlias = (
    Begin | MetricsEntry | ParamsEntry | TagsEntry | ArtifactEntry | Cut | End | CaptureEntry
)

encode = msgspec.msgpack.Encoder().encode
"""Encodes one entry."""

_DECODE = msgspec.msgpack.Decoder(Entry).decode
_CUT = encode(Cut())
_CREDENTIALS = re.compile(r"://[^/@]*@")


def log_folder(root: Path) -> Path:
    """Return where the logs of a project's runs lie: ``.lapwise/wal``."""
    return root / ".lapwise" / "wal"


def store_mark(url: str) -> str:
    """Return what names a store in a log; credentials are no part of it."""
    return digest_bytes(_CREDENTIALS.sub("://", url).encode())[:16]


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
            make_folder(folder)
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
        with self._held():
            return os.fstat(self._fd).st_size

    @contextmanager
    def _held(self) -> Iterator[bool]:
        """Hold the lock, or do without once the log is sealed; yield which it is.

        A signal handler seals a log whose lock the interrupted code below it may hold for good.
        """
        while not (held := self._lock.acquire(timeout=0.05)):
            if self._sealed:
                break
        try:
            yield held
        finally:
            if held:
                self._lock.release()

    def append(self, payload: bytes) -> None:
        """Hand one encoded entry to the operating system; it outlives this process from here on.

        Raises:
            ValueError: the entry is larger than a frame may be.
            TrackingError: the log is sealed.
            OSError: no room; the log is as it was before.
        """
        with self._lock:
            if self._sealed:
                raise _ended()
            append_frame(self._fd, payload)

    def write(self, entry: Entry) -> None:
        """Encode an entry and append it; raises as :meth:`append`."""
        self.append(encode(entry))

    def cut(self) -> None:
        """End the batch here; as :meth:`append`."""
        with self._held() as held:
            if not held:
                raise _ended()
            self.append(_CUT)

    def seal(self, end: End) -> None:
        """Append the last entry and take no more; a full disk loses only this entry."""
        if self._sealed:
            return
        with self._lock:
            if not self._sealed:
                with contextlib.suppress(OSError):
                    self.write(end)
                self._sealed = True

    def close(self) -> None:
        """Let go of the file and its lock; whoever recovers may have it then."""
        # Closing alone would leave the lock to a process that was forked meanwhile.
        fcntl.flock(self._fd, fcntl.LOCK_UN)
        os.close(self._fd)

    def forget(self) -> None:
        """In a process that was just forked: leave file and lock to the parent."""
        with contextlib.suppress(OSError):
            os.close(self._fd)


def _ended() -> TrackingError:
    return TrackingError(
        "the run has ended",
        expected="logging before end(), or inside the `with` block",
        fix="start another run, or open this one again: start_run(..., resume=...)",
    )


def add_cut(path: Path) -> None:
    """End the batch of a log that another process writes; its appends and this one never mix.

    Raises:
        OSError: no room.
    """
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        append_frame(fd, _CUT)
    finally:
        os.close(fd)


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Yield whether a log is ours now: its writer is gone and nobody else recovers it."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Another process may have shipped and removed it before we had the lock.
        ours = os.fstat(fd).st_nlink > 0
    except BlockingIOError:
        ours = False
    try:
        yield ours
    finally:
        if ours:
            fcntl.flock(fd, fcntl.LOCK_UN)
        os.close(fd)


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

    def first(self) -> Entry | None:
        """Return the first entry and stay where we are; None in an empty log."""
        return next((entry for entry, _ in self._frames(None)), None)

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


def read_begin(path: Path) -> Begin | None:
    """Return the first entry of a log, or None when it is gone or of a newer Lapwise."""
    try:
        reader = LogReader(path)
    except FileNotFoundError:
        return None
    try:
        entry = reader.first()
    except msgspec.ValidationError:
        return None
    finally:
        reader.close()
    return entry if isinstance(entry, Begin) else None
