"""Backup: everything in the database at one moment, and every blob that it names.

The rows are read in one transaction; blobs never change and named ones are never collected, so
those can follow while others write. The archive appears under its name when it is whole. It holds
what the database holds, the hashes of tokens and the secrets of webhooks too, so that a restored
server knows its callers and its receivers; only its owner may read it.
"""

from __future__ import annotations

import os
import tarfile
import tempfile
from pathlib import Path

import blake3
from sqlalchemy import Connection, LargeBinary, MetaData, Table, select

from lapwise.core.clock import MachineClock
from lapwise.core.errors import ConflictError, SchemaError, StorageFullError
from lapwise.store.archive import MANIFEST, Manifest, TablePart, add_bytes, encode_row
from lapwise.store.collect import digests_in
from lapwise.store.database import connect, sqlite_path
from lapwise.store.encoding import encode
from lapwise.store.migrate import check_revision, revision
from lapwise.store.model import Blobs
from lapwise.store.open import open_blobs
from lapwise.store.schema import HEAD

__all__ = ["backup"]

# Leases are of processes that live now; Alembic's own table is told by the manifest.
_LEFT_OUT = {"alembic_version", "lease"}


def backup(url: str, blobs: str, path: Path) -> Manifest:
    """Write a store to one archive, which :func:`lapwise.store.restore.restore` reads.

    A database of an older version of Lapwise can be backed up too: do so before upgrading it.

    Raises:
        ConflictError: ``path`` exists.
        SchemaError: there is no database, or it is of a newer version.
        CorruptError: a blob's bytes differ from its digest.
        StorageFullError: no room; nothing is left behind.
    """
    if path.exists():
        raise ConflictError(
            "the backup is there already", value=str(path), fix="choose another name"
        )
    file = sqlite_path(url)
    if file is not None and not file.exists():
        raise SchemaError("there is no database to back up", value=str(file), fix="lapwise doctor")
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        partial.touch(mode=0o600)
        with tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar:
            manifest = _write(tar, url, open_blobs(blobs))
        with partial.open("rb") as whole:
            os.fsync(whole.fileno())
        partial.rename(path)
    except OSError as error:
        raise StorageFullError(
            "the backup cannot be written",
            value=str(path),
            expected=error.strerror or "room and permission",
            fix="choose a place with room",
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return manifest


def _write(tar: tarfile.TarFile, url: str, blobs: Blobs) -> Manifest:
    at = MachineClock().timestamp()
    database = connect(url)
    try:
        found = revision(database)
        if found is None or found > HEAD:
            check_revision(found or "", url)
        with database.snapshot() as connection:
            schema = MetaData()
            schema.reflect(connection)
            tables = tuple(
                _write_table(tar, connection, table, at)
                for table in schema.sorted_tables
                if table.name not in _LEFT_OUT
            )
            named = digests_in(connection, schema)
    finally:
        database.close()
    anchors = blobs.anchors()
    for name, content in anchors.items():
        add_bytes(tar, f"anchors/{name}", content, at)
    kept = tuple(sorted(named.intersection(blobs.digests())))
    for digest in kept:
        tar.add(blobs.path(digest), f"blobs/{digest}", recursive=False)
    manifest = Manifest(
        revision=found or "", created=at, tables=tables, blobs=kept, anchors=tuple(anchors)
    )
    add_bytes(tar, MANIFEST, encode(manifest).encode(), at)
    return manifest


def _write_table(tar: tarfile.TarFile, connection: Connection, table: Table, at: int) -> TablePart:
    hasher, rows = blake3.blake3(), 0
    keys = list(table.primary_key.columns)
    query = select(table).order_by(*keys).execution_options(yield_per=1000)
    with tempfile.TemporaryFile() as file:
        for row in connection.execute(query):
            line = encode_row(tuple(row))
            hasher.update(line)
            file.write(line)
            rows += 1
        info = tarfile.TarInfo(f"tables/{table.name}.jsonl")
        info.size, info.mtime, info.mode = file.tell(), at // 1_000_000, 0o444
        file.seek(0)
        tar.addfile(info, file)
    return TablePart(
        name=str(table.name),
        columns=tuple(str(c.name) for c in table.c),
        binary=tuple(str(c.name) for c in table.c if isinstance(c.type, LargeBinary)),
        rows=rows,
        digest=hasher.hexdigest(),
    )
