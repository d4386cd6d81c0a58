"""The archive of a backup: a tar file that is the same for both databases.

``tables/<name>.jsonl`` (a row a line, as lists in the manifest's order of columns),
``anchors/<name>``, ``blobs/<digest>`` and, last, ``manifest.json``. An archive without its
manifest was cut short.
"""

from __future__ import annotations

import base64
import io
import tarfile
from typing import IO, Any

import msgspec

from lapwise.core.digest import Digest
from lapwise.core.errors import CorruptError
from lapwise.store.encoding import decode, encode

__all__ = ["MANIFEST", "Manifest", "TablePart", "add_bytes", "decode_row", "encode_row", "member"]

MANIFEST = "manifest.json"


class TablePart(msgspec.Struct, frozen=True):
    """One table: its columns, those of them that hold bytes, its rows, the digest of its file."""

    name: str
    columns: tuple[str, ...]
    binary: tuple[str, ...]
    rows: int
    digest: Digest


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive holds; ``tables`` come in an order in which references can be inserted."""

    revision: str
    created: int
    tables: tuple[TablePart, ...]
    blobs: tuple[Digest, ...]
    anchors: tuple[str, ...]


def encode_row(values: tuple[Any, ...]) -> bytes:
    """Return a row as a line."""
    return encode(values).encode() + b"\n"  # bytes become base64


def decode_row(line: bytes, part: TablePart) -> dict[str, Any]:
    """Return a line as a row by column."""
    values = decode(line.decode(), list[Any])
    row = dict(zip(part.columns, values, strict=True))
    for name in part.binary:
        if row[name] is not None:
            row[name] = base64.b64decode(row[name])
    return row


def add_bytes(tar: tarfile.TarFile, name: str, content: bytes, at: int) -> None:
    """Add a small member."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(content), at // 1_000_000, 0o444
    tar.addfile(info, io.BytesIO(content))


def member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    """Open a member.

    Raises:
        CorruptError: the archive has no such file.
    """
    try:
        found = tar.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        raise CorruptError(
            "the backup is cut short, or not a backup of Lapwise",
            value=name,
            expected="an archive that lapwise db backup finished",
            fix="take another backup",
        )
    return found
