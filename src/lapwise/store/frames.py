"""Framed files: entries that outlive a killed writer, and a reader that stops before a torn one.

A frame is length and CRC-32 (both little-endian, 32 bits), then the payload. An append that returned
has handed its frame to the operating system, so ``kill -9`` loses nothing; a frame that a dying
process left half written fails its checksum.
"""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Iterator

__all__ = ["FRAME_BYTES", "append_frame", "read_frames"]

FRAME_BYTES = 16 * 1024 * 1024
"""No payload is larger; a length above this is not a length."""

_HEADER = struct.Struct("<II")
_HEADER_BYTES = _HEADER.size
_PACK_HEADER = _HEADER.pack
_UNPACK_HEADER = _HEADER.unpack_from
_CHECKSUM = zlib.crc32
_CHUNK = 256 * 1024


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


def _more(fd: int, position: int, wanted: int, upto: int | None) -> bytes:
    if upto is not None:
        wanted = min(wanted, upto - position)
    return os.pread(fd, wanted, position) if wanted > 0 else b""
