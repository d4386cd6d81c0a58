"""Framed files: entries that outlive a killed writer, and readers that tell torn from damaged.

A frame is length and CRC-32 (both little-endian, 32 bits), then the payload. An append that returned
has handed its frame to the operating system, so ``kill -9`` loses nothing; a frame that a dying
process left half written fails its checksum.
"""

from __future__ import annotations

import errno
import os
import re
import struct
import zlib
from collections.abc import Iterator

__all__ = [
    "FRAME_BYTES",
    "append_frame",
    "frame_start",
    "is_torn",
    "read_frames",
    "read_sound_frames",
]

FRAME_BYTES = 16 * 1024 * 1024
"""No payload is larger; a length above this is not a length."""

_HEADER = struct.Struct("<II")
_HEADER_BYTES = _HEADER.size
_PACK_HEADER = _HEADER.pack
_UNPACK_HEADER = _HEADER.unpack_from
_CHECKSUM = zlib.crc32
_CHUNK = 256 * 1024
_SEARCHED = 256 * 1024 * 1024
"""One search for the next frame checks the sums of at most so many bytes."""
_SMALL = 64 * 1024
_LENGTH = re.compile(rb"(?=(?!\0\0\0)...\0)", re.DOTALL)
"""Where a length below the limit may stand: not 0, and its highest byte 0."""


def append_frame(fd: int, payload: bytes) -> int:
    """Append one frame to a file opened with ``O_APPEND``, and return the bytes it took.

    One writer at a time may append to a file; the caller sees to that.

    Raises:
        ValueError: the payload is larger than a frame may be.
        OSError: no room; the file is as it was before.
    """
    length = len(payload)
    if length > FRAME_BYTES:
        raise ValueError(f"{length:,} bytes in one entry; {FRAME_BYTES:,} are the limit")
    frame = _PACK_HEADER(length, _CHECKSUM(payload)) + payload
    written = os.write(fd, frame)
    if written != len(frame):
        os.ftruncate(fd, os.fstat(fd).st_size - written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return written


def read_frames(
    fd: int, offset: int = 0, *, upto: int | None = None, chunk: int = _CHUNK
) -> Iterator[tuple[bytes, int]]:
    """Yield the payloads of sound frames, each with the position after it.

    It ends before the first frame that is not whole, or whose checksum fails. Whoever asks again
    from the last position gets what has become whole since.

    Args:
        fd: a file that can be read.
        offset: where a frame begins.
        upto: read no byte from here on.
        chunk: so many bytes are read at once.
    """
    base, at, content = offset, 0, b""
    while True:
        start = at + _HEADER_BYTES
        if start > len(content):
            base, at, start = base + at, 0, _HEADER_BYTES
            content = _more(fd, base, chunk, upto)
            if start > len(content):
                return
        length, checksum = _UNPACK_HEADER(content, at)
        if not 0 < length <= FRAME_BYTES:
            return
        stop = start + length
        if stop > len(content):
            base, at, start, stop = base + at, 0, _HEADER_BYTES, _HEADER_BYTES + length
            content = _more(fd, base, max(chunk, stop), upto)
            if stop > len(content):
                return
        payload = content[start:stop]
        if _CHECKSUM(payload) != checksum:
            return
        at = stop
        yield payload, base + stop


def read_sound_frames(
    fd: int, offset: int = 0, *, upto: int | None = None
) -> Iterator[tuple[bytes, int]]:
    """Yield what :func:`read_frames` does, and go on behind a damaged frame.

    Between the position before and :func:`frame_start` of what came lie the bytes passed over. What
    is left at the end is unreadable: torn (:func:`is_torn`), or damaged with nothing sound after it.
    """
    position: int | None = offset
    while position is not None:
        for payload, end in read_frames(fd, position, upto=upto):
            position = end
            yield payload, end
        position = _next_sound(fd, position, upto)


def frame_start(payload: bytes, end: int) -> int:
    """Return where a frame begins, from its payload and the position after it."""
    return end - len(payload) - _HEADER_BYTES


def is_torn(fd: int, offset: int, size: int) -> bool:
    """Say whether what begins at ``offset``, not whole in a file of ``size``, may become a frame."""
    header = os.pread(fd, _HEADER_BYTES, offset)
    if size - offset < _HEADER_BYTES or len(header) < _HEADER_BYTES:
        return True
    length, _ = _UNPACK_HEADER(header)
    return _is_length(length) and offset + _HEADER_BYTES + length > size


def _next_sound(fd: int, bad: int, upto: int | None) -> int | None:
    """Return where the next sound frame begins behind one that is not; None if there is none yet.

    It may be the same place: a writer may just have made it whole.
    """
    size = os.fstat(fd).st_size if upto is None else upto
    header = os.pread(fd, _HEADER_BYTES, bad) if size - bad >= _HEADER_BYTES else b""
    if len(header) < _HEADER_BYTES:
        return None
    length, _ = _UNPACK_HEADER(header)
    stop: int = bad + _HEADER_BYTES + length
    if _is_sound(fd, bad, size):
        return bad
    if stop == size:
        return None
    # A length that is right leads past its payload, in which a caller may have put what looks like
    # a frame.
    if _is_sound(fd, stop, size):
        return stop
    return _search(fd, bad + 1, size)


def _is_sound(fd: int, position: int, size: int) -> bool:
    return next(read_frames(fd, position, upto=size), None) is not None


def _search(fd: int, begin: int, size: int) -> int | None:
    """Return the first place from ``begin`` on where a whole frame begins, if it is soon found."""
    budget = _SEARCHED
    for base in range(begin, size - _HEADER_BYTES, _CHUNK):
        content = os.pread(fd, min(_CHUNK + _HEADER_BYTES, size - base), base)
        for found in _LENGTH.finditer(content, 0, max(len(content) - _HEADER_BYTES + 4, 0)):
            length, checksum = _UNPACK_HEADER(content, found.start())
            start = base + found.start() + _HEADER_BYTES
            stop = start + length
            if stop > size or (length > _SMALL and not _may_follow(fd, stop, size)):
                continue
            budget -= length
            if budget < 0:
                return None
            if _CHECKSUM(os.pread(fd, length, start)) == checksum:
                return start - _HEADER_BYTES
    return None


def _may_follow(fd: int, position: int, size: int) -> bool:
    """Say whether a header may stand behind a large frame, before its sum is checked."""
    header = os.pread(fd, _HEADER_BYTES, position)
    if size - position < _HEADER_BYTES or len(header) < _HEADER_BYTES:
        return True
    length, _ = _UNPACK_HEADER(header)
    return _is_length(length)


def _is_length(number: int) -> bool:
    return 0 < number <= FRAME_BYTES


def _more(fd: int, position: int, wanted: int, upto: int | None) -> bytes:
    if upto is not None:
        wanted = min(wanted, upto - position)
    return os.pread(fd, wanted, position) if wanted > 0 else b""
