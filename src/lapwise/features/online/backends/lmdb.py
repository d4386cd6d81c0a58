"""The online store's bytes in one LMDB file: any number of processes read, one at a time writes.

A write is one transaction. The file is not synced to disk: what returned survives the death of the
process; after a power cut delete the folder and materialise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self, TypeVar, cast

import lmdb

from lapwise.core.errors import (
    ConflictError,
    CorruptError,
    NotFoundError,
    StorageFullError,
    StoreError,
)
from lapwise.store.durable import make_folder

__all__ = ["LmdbBackend"]

T = TypeVar("T")

_ROOM = 64 << 30
"""Bytes of address space; the file is as large as what is in it."""


class LmdbBackend:
    """A folder with an LMDB environment (a :class:`~lapwise.features.online.backend.Backend`)."""

    def __init__(self, environment: lmdb.Environment, folder: Path) -> None:
        self._environment = environment
        self._folder = folder

    @classmethod
    def open(cls, folder: Path, *, read_only: bool = False) -> Self:
        """Open, or unless ``read_only`` create, the environment in a folder of its own.

        Raises:
            NotFoundError: there is nothing to read.
            ConflictError: this process has it open already.
            StorageFullError: no room, or no permission.
            CorruptError: what is there is not an online store, or damaged.
        """
        if read_only and not _is_there(folder / "data.mdb"):
            raise NotFoundError(
                "there is no online store", value=str(folder), fix="lapwise features materialize"
            )
        if not read_only:
            try:
                make_folder(folder)
            except OSError as error:
                raise StorageFullError(
                    "the folder of the online store cannot be made",
                    value=str(folder),
                    expected=error.strerror or "room and permission",
                    fix="give the permission, or name another folder: online in [tool.lapwise]",
                ) from error
        environment = _open(folder, read_only=read_only)
        _lengthen(environment, folder / "data.mdb")
        environment.reader_check()  # gives back the places of readers that died
        return cls(environment, folder)

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of some keys as of one moment."""
        try:
            with self._reading() as transaction:
                return _values(transaction, keys)
        except lmdb.Error as error:
            raise _failure(error, self._folder) from error

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
            except lmdb.Error as error:
                raise _failure(error, self._folder) from error

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield all records under a prefix in order of their keys."""
        try:
            with self._reading() as transaction, transaction.cursor() as cursor:
                found = cursor.set_range(prefix)
                while found and (key := bytes(cursor.key())).startswith(prefix):
                    yield key, bytes(cursor.value())
                    found = cursor.next()
        except lmdb.Error as error:
            raise _failure(error, self._folder) from error

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
            raise _failure(error, folder) from error


def _is_there(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False
    except OSError:  # told when it is opened
        return True


def _lengthen(environment: lmdb.Environment, file: Path) -> None:
    """Give a file that was cut short its length again, without what was lost.

    LMDB would read beyond its end, which kills the process; what is read as zeros is an error.
    """
    pages = cast("dict[str, int]", environment.info())["last_pgno"] + 1
    length = pages * environment.stat()["psize"]
    # It never shortens what a writer lengthens meanwhile; who may not write must do without.
    with suppress(OSError, AttributeError):
        if file.stat().st_size < length:
            place = os.open(file, os.O_RDWR)
            try:
                os.posix_fallocate(place, length - 1, 1)
            finally:
                os.close(place)


_DAMAGED = (
    lmdb.CorruptedError,
    lmdb.InvalidError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.VersionMismatchError,
)
_NO_ROOM = ("No space left", "File too large", "quota exceeded", "Input/output error")
"""The last is what LMDB makes of a write that found room for its beginning only."""
_NOT_ALLOWED = ("Permission denied", "Read-only file system", "Operation not permitted")


def _failure(error: lmdb.Error, folder: Path) -> StoreError:
    """Translate what LMDB says into what a person can do."""
    text = str(error)
    if isinstance(error, _DAMAGED):
        return CorruptError(
            "the online store is damaged",
            value=str(folder),
            expected="a folder that holds an LMDB file as it was written",
            fix="delete the folder, lapwise features materialize, and start its servers again",
        )
    if any(words in text for words in _NO_ROOM):
        return StorageFullError(
            "the online store has no room, or its disk fails; nothing of this write was kept",
            value=str(folder),
            fix="make room, and run the command again",
        )
    if any(words in text for words in _NOT_ALLOWED):
        return StorageFullError(
            "the online store may not be opened by this user",
            value=str(folder),
            expected="permission to read and write its folder, of readers too: their lock is a file",
            fix="give the permission, or run as the user who materialises",
        )
    return StoreError("the online store cannot be used", value=f"{folder}: {text}")
