"""Says what is installed, not only in which version: a digest of each distribution's files.

An installer leaves a list of the files it put down with their SHA-256 (``RECORD``, PEP 376 and 427).
The digest is over those lines: not over what differs from machine to machine (scripts that name
their interpreter, bytecode, who installed it). Files that somebody edited afterwards are not noticed.
Lists that did not change since are not read again: their digests are kept in ``.lapwise/cache``.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import msgspec

from lapwise.core.digest import digest_bytes
from lapwise.core.ids import new_id
from lapwise.store.durable import make_folder
from lapwise.tracking.model import Package
from lapwise.tracking.packages import installed_packages

__all__ = ["installed_content"]

CHARACTERS = 32
"""So many hexadecimal digits of a digest are kept: 128 bits."""


class _Known(msgspec.Struct, array_like=True):
    modified: int
    size: int
    content: str
    editable: bool


_CACHE = msgspec.msgpack.Decoder(dict[str, _Known])


def installed_content(root: Path) -> tuple[Package, ...]:
    """Return the installed distributions with a digest of each one's files.

    Args:
        root: the project, whose ``.lapwise/cache`` is read and written where it can be.
    """
    file = root / ".lapwise" / "cache" / "packages"
    try:
        known = _CACHE.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError):  # a first time; or not what we wrote
        known = {}
    fresh: dict[str, _Known] = {}
    found = [_with_content(package, known, fresh) for package in installed_packages()]
    if fresh != known:
        _write(file, msgspec.msgpack.encode(fresh))
    return tuple(found)


def _with_content(package: Package, known: dict[str, _Known], fresh: dict[str, _Known]) -> Package:
    listed = f"{package.place}/RECORD"
    try:
        status = os.stat(listed)  # noqa: PTH116 - hundreds of them, and a Path costs as much again
        one = known.get(listed)
        if one is None or (one.modified, one.size) != (status.st_mtime_ns, status.st_size):
            content, editable = _read(package.place, listed)
            one = _Known(status.st_mtime_ns, status.st_size, content, editable)
    except (OSError, ValueError):  # an older layout, or another's installer
        return package
    fresh[listed] = one
    return msgspec.structs.replace(package, content=one.content, editable=one.editable)


def _read(place: str, listed: str) -> tuple[str, bool]:
    folder = place.rpartition("/")[2].encode() + b"/"
    lines = [
        line
        for line in Path(listed).read_bytes().splitlines()
        if b",sha256=" in line and not line.startswith((b"../", b"/", folder))
    ]
    direct = Path(place, "direct_url.json")
    editable = direct.exists() and b'"editable": true' in direct.read_bytes()
    return digest_bytes(b"\n".join(sorted(lines)))[:CHARACTERS], editable


def _write(file: Path, content: bytes) -> None:
    """Write the cache whole, or not at all: it is worth nothing but time."""
    partial = file.with_name(f"{new_id()}.part")
    try:
        make_folder(file.parent)
        partial.write_bytes(content)
        partial.rename(file)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
