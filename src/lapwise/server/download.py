"""How files of users go out: streamed, to be saved under a plain name, or as pictures that are some."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from litestar.exceptions import HTTPException
from litestar.response import Stream

if TYPE_CHECKING:
    from lapwise.core.digest import Digest
    from lapwise.store.model import Store

__all__ = ["LARGEST_PICTURE", "attachment", "picture_type", "stream_blob"]

LARGEST_PICTURE = 16 << 20
"""Bytes of a picture that a page shows; a larger one can be saved."""

_PIECE = 1 << 20
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 150

# What a browser may be shown of what users keep: formats that cannot hold a script.
_PICTURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
)


async def stream_blob(store: Store, digest: Digest, *, name: str = "", asked: str = "") -> Stream:
    """Return the bytes of a blob, or a range of them, in constant memory; never shown by a browser.

    Args:
        store: as it was given to whoever asks.
        digest: the blob's.
        name: what it is saved as; empty leaves that to whoever asked.
        asked: the header ``Range``, or empty for all.

    Raises:
        HTTPException: there is no such range (416).
        NotFoundError: there is no such blob.
    """
    file, size = await asyncio.to_thread(_opened, store, digest)
    first, last = _range(asked, size) if asked else (0, size - 1)
    headers = {
        "accept-ranges": "bytes",
        "content-disposition": attachment(name) if name else "attachment",
        "content-length": str(last - first + 1),
        "etag": f'"{digest}"',
    }
    if asked:
        if not 0 <= first <= last:
            file.close()
            none = {"content-range": f"bytes */{size}"}
            raise HTTPException(status_code=416, detail="no such range", headers=none)
        headers["content-range"] = f"bytes {first}-{last}/{size}"
    return Stream(
        _pieces(file, first, last - first + 1),
        status_code=206 if asked else 200,
        headers=headers,
        media_type="application/octet-stream",
    )


def attachment(name: str) -> str:
    r"""Return a Content-Disposition under which any browser saves and none shows.

    >>> print(attachment('a"b\r\nc.html'))
    attachment; filename="a_b_c.html"; filename*=UTF-8''a%22b%0D%0Ac.html
    """
    plain = _UNSAFE.sub("_", name).lstrip(".")[-_LONGEST:] or "artifact"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name[-_LONGEST:], safe='')}"


def picture_type(head: bytes) -> str | None:
    """Return the media type of a raster picture by its first bytes, or None for all else.

    >>> picture_type(b"GIF89a..."), picture_type(b"<svg onload=...")
    ('image/gif', None)
    """
    return next((kind for begin, kind in _PICTURES if begin.match(head)), None)


def _opened(store: Store, digest: Digest) -> tuple[IO[bytes], int]:
    path = store.blobs.path(digest)
    return path.open("rb", 0), path.stat().st_size


def _range(asked: str, size: int) -> tuple[int, int]:
    """Return the first and the last byte that a ``Range`` means; what cannot be is (0, -1)."""
    found = _RANGE.fullmatch(asked.strip())
    if found is None or found.group(1) == found.group(2) == "":
        return 0, -1
    first, last = found.groups()
    if not first:
        return max(size - int(last), 0), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


async def _pieces(file: IO[bytes], first: int, count: int) -> AsyncIterator[bytes]:
    with file:
        file.seek(first)
        while count > 0:
            piece = await asyncio.to_thread(file.read, min(count, _PIECE))
            if not piece:
                return
            count -= len(piece)
            yield piece
