"""The prediction log: what was answered, in files that outlive the process.

Each process that writes has segments of its own, framed files of entries in MessagePack: nobody
waits for anybody, and a killed process spoils at most the last frame of its own file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from lapwise.core.errors import StorageFullError
from lapwise.core.ids import new_id
from lapwise.core.prediction import LogEntry
from lapwise.store.durable import make_folder
from lapwise.store.frames import append_frame, read_sound_frames

__all__ = ["PredictionLog", "last_logged", "log_bytes", "log_folder", "newest", "segments"]

_SEGMENT_BYTES = 64 * 1024 * 1024
SUFFIX = ".log"
SHADOW = ".shadow.log"
_ENCODE = msgspec.msgpack.Encoder().encode


class _Moment(msgspec.Struct):
    type: str
    at: int


_MOMENT = msgspec.msgpack.Decoder(_Moment)


def log_folder(folder: Path) -> Path:
    """Return where the log of a snapshot folder is."""
    return folder / "log"


class PredictionLog:
    """Appends entries to segments of this process's own.

    Args:
        folder: the log's folder, made if it is not there.
        shadow: this process answers for nobody; its segments can be told by their names.
        segment_bytes: a segment is closed once it holds so many.

    Raises:
        StorageFullError: the folder cannot be written.
    """

    def __init__(
        self, folder: Path, *, shadow: bool = False, segment_bytes: int = _SEGMENT_BYTES
    ) -> None:
        self._folder = folder
        self._suffix = SHADOW if shadow else SUFFIX
        self._most = segment_bytes
        self._fd = -1
        self._size = 0
        try:
            make_folder(folder)
        except OSError as error:
            raise StorageFullError(
                f"the prediction log cannot be written in {folder}",
                value=error.strerror,
                expected="a folder with room, that you may write to",
            ) from error

    def append(self, entry: LogEntry) -> bytes:
        """Hand an entry to the operating system, and return it as encoded.

        Raises:
            ValueError: the entry is larger than a frame may be.
            OSError: no room; the log is as it was before.
        """
        payload = _ENCODE(entry)
        if self._fd < 0 or self._size >= self._most:
            self._roll()
        self._size += append_frame(self._fd, payload)
        return payload

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _roll(self) -> None:
        path = self._folder / f"{new_id()}{self._suffix}"
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        fresh = os.open(path, flags, 0o600)
        self.close()
        self._fd, self._size = fresh, 0


def segments(folder: Path) -> list[Path]:
    """Return a log's segments, oldest first."""
    return sorted(folder.glob("*.log"))


def log_bytes(folder: Path) -> int:
    """Return how many bytes a log holds."""
    try:
        with os.scandir(folder) as entries:
            return sum(one.stat().st_size for one in entries if one.name.endswith(".log"))
    except FileNotFoundError:
        return 0


def newest(folder: Path, *, entries: int, most_bytes: int) -> Iterator[bytes]:
    """Yield encoded entries of the segments that workers wrote last, those of the last at the end.

    At most ``entries`` of a segment come, in their order, and no further segment is opened once so
    many entries or bytes came.
    """
    answering = [path for path in segments(folder) if not path.name.endswith(SHADOW)]
    answering.sort(key=lambda path: path.stat().st_mtime_ns)
    chosen: list[list[bytes]] = []
    count = total = 0
    while answering and count < entries and total < most_bytes:
        found = list(_payloads(answering.pop()))[-entries:]
        chosen.append(found)
        count += len(found)
        total += sum(map(len, found))
    while chosen:
        yield from chosen.pop()


def last_logged(folder: Path) -> int | None:
    """Return the latest instant at which something was asked or fed back; None if nothing was.

    What a server noted of itself does not count.

    Args:
        folder: the snapshot folder.
    """
    moments = [
        _MOMENT.decode(payload)
        for path in segments(log_folder(folder))
        for payload in _payloads(path)
    ]
    return max((one.at for one in moments if one.type != "fused"), default=None)


def _payloads(path: Path) -> Iterator[bytes]:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for payload, _ in read_sound_frames(fd):
            yield payload
    finally:
        os.close(fd)
