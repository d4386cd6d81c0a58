"""How files of users go to a browser: to be saved under a plain name, or as pictures that are some."""

from __future__ import annotations

import re
from urllib.parse import quote

__all__ = ["LARGEST_PICTURE", "attachment", "picture_type"]

LARGEST_PICTURE = 16 << 20
"""Bytes of a picture that a page shows; a larger one can be saved."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 150

# What a browser may be shown of what users keep: formats that cannot hold a script.
_PICTURES = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
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
