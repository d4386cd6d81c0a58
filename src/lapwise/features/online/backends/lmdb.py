"""The online store's bytes in one LMDB file: any number of processes read, one at a time writes.

A write is one transaction. The file is not synced to disk: what returned survives the death of the
process; after a power cut delete the folder and materialise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self, TypeVar, cast

import lmdb

from lapwise.core.errors import ConflictError, NotFoundError
from lapwise.store.durable import make_folder

__all__ = ["LmdbBackend"]

T = TypeVar("T")

_ROOM = 64 << 30
"""Bytes of address space; the file is as large as what is in it."""


class LmdbBackend:
    """A folder with an LMDB environment (a :class:`~lapwise.features.online.backend.Backend`)."""

    def __init__(self, environment: lmdb.Environment) -> None:
        self._environment = environment

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> Self:
        """Open, or unless ``read_only`` create, the environment in a folder of its own.

        Raises:
            NotFoundError: there is nothing to read.
            ConflictError: this process has it open already.
        """
        if read_only and not (folder / "data.mdb").is_file():
            raise NotFoundError(
                "there is no online store", value=str(folder), fix="lapwise features materialize"
            )
        if not read_only:
            make_folder(folder)
        environment = _open(folder, read_only=read_only)
        environment.reader_check()  # gives back the places of readers that died
        return cls(environment)

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of some keys as of one moment."""
        with self._reading() as transaction:
            return _values(transaction, keys)

    def write(self, work: Callable[[_Writer], T]) -> T:
        """Do work in one transaction; again with more room if there was too little."""
        while True:
            try:
                with self._environment.begin(write=True) as transaction:
                    return work(_Writer(transaction))
            except lmdb.MapResizedError:
                self._environment.set_mapsize(0)
            except lmdb.MapFullError:
                size = cast("dict[str, int]", self._environment.info())["map_size"]
                self._environment.set_mapsize(2 * size)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield all records under a prefix in order of their keys."""
        with self._reading() as transaction, transaction.cursor() as cursor:
            found = cursor.set_range(prefix)
            while found and (key := bytes(cursor.key())).startswith(prefix):
                yield key, bytes(cursor.value())
                found = cursor.next()

    def close(self) -> None:
        """Close the environment; closing twice does no harm."""
        self._environment.close()

    @contextmanager
    def _reading(self) -> Iterator[lmdb.Transaction]:
        try:
            transaction = self._environment.begin()
        except lmdb.MapResizedError:  # the writer made room
            self._environment.set_mapsize(0)
            transaction = self._environment.begin()
        with transaction:
            yield transaction


class _Writer:
    """A writing transaction (a :class:`~lapwise.features.online.backend.Writer`)."""

    def __init__(self, transaction: lmdb.Transaction) -> None:
        self._transaction = transaction

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return _values(self._transaction, keys)

    def put(self, key: bytes, value: bytes) -> None:
        self._transaction.put(key, value)

    def delete(self, key: bytes) -> None:
        self._transaction.delete(key)

    def load(self, prefix: bytes, records: Iterable[tuple[bytes, bytes]]) -> None:
        with self._transaction.cursor() as cursor:
            cursor.putmulti(records)

    def drop(self, prefix: bytes) -> None:
        with self._transaction.cursor() as cursor:
            found = cursor.set_range(prefix)
            while found and bytes(cursor.key()).startswith(prefix):
                found = cursor.delete()


def _values(transaction: lmdb.Transaction, keys: Sequence[bytes]) -> list[bytes | None]:
    get = cast("Callable[[bytes], bytes | None]", transaction.get)  # no buffers were asked for
    return [get(key) for key in keys]


def _open(folder: Path, *, read_only: bool) -> lmdb.Environment:
    room = _ROOM
    while True:
        try:
            return lmdb.open(
                str(folder),
                map_size=room,
                readonly=read_only,
                sync=False,
                metasync=False,
                meminit=False,
                max_readers=1024,
            )
        except lmdb.MemoryError:  # the process may not take so much address space
            if room < 1 << 28:
                raise
            room //= 2
        except lmdb.Error as error:
            if "already open" in str(error):
                raise ConflictError(
                    "this process has the online store open already",
                    value=str(folder),
                    fix="pass the open store on",
                ) from error
            raise
