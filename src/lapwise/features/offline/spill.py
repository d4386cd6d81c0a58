"""Rows on disk, apart by partition: one file for each writer, read back piece by piece."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from lapwise.core.errors import LapwiseError, StorageFullError
from lapwise.core.model import Record

__all__ = ["SHARE", "Pieces", "Spill", "blocks_of", "load", "no_room"]

SHARE = "__share"
"""The column that says to which partition a row goes; it is not written."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Pieces(Record, frozen=True, kw_only=True):
    """Where the rows of one partition lie in one file.

    Attributes:
        path: the file.
        places: the start and the length of each block, in bytes; the first holds no rows, and
            says what columns there are.
        rows: how many rows there are.
    """

    path: str
    places: tuple[tuple[int, int], ...]
    rows: int


class Spill:
    """Writes rows into one file, so that each partition's can be read by themselves.

    A block is an Arrow IPC stream. Rows are gathered until they take ``room`` bytes, and leave as
    one block for each partition that they have rows of.

    Args:
        path: a new file.
        schema: the columns of the rows, without :data:`SHARE`.
        shares: into how many partitions the rows go.
        room: bytes of rows that are gathered; about twice as much is in use while they leave.
    """

    def __init__(self, path: Path, schema: pl.Schema, shares: int, room: int) -> None:
        self._path, self._room = path, room
        self._held: list[pl.DataFrame] = []
        self._bytes = 0
        self._places: list[list[tuple[int, int]]] = [[] for _ in range(shares)]
        self._rows = [0] * shares
        try:
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise no_room(error, path) from error
        self._end = 0
        self._head = self._write(pl.DataFrame(schema=schema))

    def __enter__(self) -> Self:
        """Begin to write."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is held, unless something failed, and close the file."""
        try:
            if kind is None:
                self._flush()
        finally:
            self._held.clear()
            self._file.close()

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows with their :data:`SHARE`.

        Raises:
            StorageFullError: there is no room, or no permission, to write.
        """
        if rows.is_empty():
            return
        self._held.append(rows)
        self._bytes += int(rows.estimated_size())
        if self._bytes >= self._room:
            self._flush()

    def pieces(self) -> tuple[Pieces, ...]:
        """Return where each partition's rows lie; ask when all is written."""
        return tuple(
            Pieces(path=str(self._path), places=(self._head, *places), rows=rows)
            for places, rows in zip(self._places, self._rows, strict=True)
        )

    def _flush(self) -> None:
        if not self._held:
            return
        held = pl.concat(self._held)
        self._held.clear()
        self._bytes = 0
        apart = held.partition_by(SHARE, as_dict=True, include_key=False)
        del held
        for (share,) in list(apart):
            rows = apart.pop((share,))
            self._places[share].append(self._write(rows))
            self._rows[share] += rows.height

    def _write(self, rows: pl.DataFrame) -> tuple[int, int]:
        block = BytesIO()
        rows.write_ipc_stream(block)
        place = (self._end, block.tell())
        left = block.getbuffer()
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise no_room(error, self._path) from error
        self._end += place[1]
        return place


def load(pieces: Iterable[Pieces]) -> pl.DataFrame:
    """Read all rows of some pieces, of equal columns, into memory.

    Raises:
        OSError: a file is gone or cannot be read.
    """
    return pl.concat([block for piece in pieces for block in blocks_of(piece)])


def blocks_of(piece: Pieces) -> Iterator[pl.DataFrame]:
    """Yield the blocks of a piece in the order in which they were written; the first is empty.

    Raises:
        OSError: the file is gone or cannot be read.
    """
    with Path(piece.path).open("rb") as file:
        for start, length in piece.places:
            file.seek(start)
            yield pl.read_ipc_stream(file.read(length))


def no_room(error: OSError, path: Path) -> LapwiseError:
    """Return what to raise when rows cannot be written."""
    full = error.errno in _FULL
    return StorageFullError(
        f"{'there is no room' if full else 'it is not possible'} to write '{path}'",
        value=error.strerror or str(error),
        expected="room for about twice the columns that the features read, uncompressed",
        fix="free some, or set TMPDIR to a folder on a larger disk",
    )
