"""The online store's bytes on a Redis server: many machines read, and several push.

A read is one MGET, a write one MULTI/EXEC, so readers see all of a write or nothing. What a write
returned from survives the death of every process of ours. How much of it survives the death of the
Redis server is the server's own affair: with ``appendonly yes`` and ``appendfsync always`` all of
it, with ``everysec`` all but the last second or two, with snapshots all but the last minutes, and
without a file nothing. Each time what is left is an earlier state as a whole, in which no write is
half there. ``materialize`` then brings it up again: from the watermark that the state itself
keeps, or, when nothing is left and the store says so, from the beginning.
"""

from __future__ import annotations

import re
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from os import getpid
from typing import Self, TypeVar

from lapwise.core.clock import MachineClock
from lapwise.core.errors import ConflictError, DeclarationError, StoreError
from lapwise.features.online.backends.redis_line import AwayError, Line, Settings, SlowError
from lapwise.features.online.backends.redis_lock import Lock, LostError
from lapwise.features.online.backends.redis_server import Server, check_server, look_at
from lapwise.features.online.backends.redis_writer import Keys, RedisWriter, keys_under, sweep

__all__ = ["RedisBackend"]

T = TypeVar("T")

_TO_READ = 0.5
"""Seconds that a request waits for a reply; ``socket_timeout`` in the address wins."""

_TO_REST = 1.0
"""Seconds for which a server that did not answer in time is not asked by readers again."""

_TO_WRITE = 10.0

_PAUSES = (0.0, 0.05, 0.2, 0.75, 1.5)
"""Seconds before each try of a write whose lock was lost, or whose connection was cut."""

_SPACE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class RedisBackend:
    """A space on a Redis server (a :class:`~lapwise.features.online.backend.Backend`).

    Every thread that reads has a connection of its own. Writes of one backend queue up.

    Args:
        settings: the address.
        space: separates those who share a server.
        read_only: nothing may be written through it, so it may be a replica.
        patience: seconds for which a write waits for others.
        expiry: seconds after which a writer that died keeps nobody waiting.
    """

    def __init__(
        self,
        settings: Settings,
        space: str,
        *,
        read_only: bool = False,
        patience: float = 60.0,
        expiry: float = 5.0,
    ) -> None:
        self._settings = settings
        self._keys = Keys(space)
        self._read_only = read_only
        self._own = threading.local()
        self._opening = threading.Lock()
        self._lines: weakref.WeakSet[Line] = weakref.WeakSet()
        self._closed = False
        self._process = getpid()
        self._to_read = settings.timeout or _TO_READ
        self._clock = MachineClock()
        self._silent_until = 0.0
        self._writing = threading.Lock()
        self._writer_line = self._open(_TO_WRITE)
        self._lock = Lock(
            self._keys.lock,
            partial(self._open, 2.0),
            patience=patience,
            expiry=round(expiry * 1000),
        )

    @classmethod
    def open(
        cls,
        url: str,
        *,
        read_only: bool = False,
        space: str = "lapwise",
        patience: float = 60.0,
        expiry: float = 5.0,
    ) -> Self:
        """Open a space of a server.

        Args:
            url: ``redis://``, ``rediss://`` or ``unix://``, with user, password and database;
                ``?space=`` wins over ``space``, redis-py's options may follow.
            read_only: does not connect before the first read, so that a server that is away
                keeps nobody from starting.
            space: of letters, digits, ``.``, ``_`` and ``-``.
            patience: seconds for which a write waits for others.
            expiry: seconds after which a writer that died keeps nobody waiting; one that was
                stopped for longer does its work again.

        Raises:
            DeclarationError: the address is none.
            StoreError: it cannot be reached, or is not fit (see ``redis_server.py``).
        """
        settings = Settings(url)
        name = space if settings.space is None else settings.space
        if not _SPACE.fullmatch(name):
            raise DeclarationError(
                "not a name of a space on a Redis server",
                value=name,
                expected="at most 64 letters, digits, '.', '_' and '-'",
            )
        backend = cls(settings, name, read_only=read_only, patience=patience, expiry=expiry)
        if not read_only:
            backend._writer_line.ask(["PING"])
        return backend

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of some keys as of one moment, by one MGET.

        Raises:
            StoreError: the server is away or too slow; it is not waited for longer than half a
                second, and for a second after that not at all.
        """
        if not keys:
            return []
        data = self._keys.data
        named = [data + key for key in keys]
        line = self._line()
        was_new = line.is_new
        if self._silent_until > self._clock.monotonic():
            raise SlowError(
                "the online store did not answer a moment ago", value=self._settings.place
            )
        try:
            try:
                return line.values(named)
            except SlowError:
                raise
            except AwayError:
                if was_new:
                    raise
            return line.values(named)  # it was cut while nobody asked: the server had a new start
        except SlowError:
            self._silent_until = self._clock.monotonic() + _TO_REST
            raise

    def write(self, work: Callable[[RedisWriter], T]) -> T:
        """Do work under the lock of the space, then carry it out in one transaction.

        It is done again if the lock was lost meanwhile, or the connection was cut.

        Raises:
            ConflictError: another process writes for too long, or the lock was lost each time.
            StoreError: the server is away, or refused; nothing was kept unless the error says so.
        """
        if self._read_only:
            raise StoreError("the online store was opened to be read", value=self._settings.place)
        if self._process != getpid():
            raise StoreError(
                "the online store was opened in another process",
                value=self._settings.place,
                fix="open it in the process that writes",
            )
        with self._writing:
            try:
                return self._write(work)
            finally:
                self._lock.rest()

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield all records under a prefix, in no order, while others may write.

        What is there all the while comes once; what is written meanwhile may come or not.
        """
        line, data = self._open(_TO_WRITE), self._keys.data
        seen: set[bytes] = set()
        try:
            for page in keys_under(line, data + prefix):
                new = [key for key in dict.fromkeys(page) if key not in seen]
                seen.update(new)
                for key, value in zip(new, line.values(new) if new else [], strict=True):
                    if value is not None:
                        yield key[len(data) :], value
        finally:
            line.close()

    def server(self) -> Server | None:
        """Return what the server says of itself, None if this user may not ask."""
        return look_at(self._line())

    def close(self) -> None:
        """Hang up; closing twice does no harm."""
        self._closed = True
        self._lock.close()
        with self._opening:
            lines = list(self._lines)
        for line in lines:
            line.close()

    def _write(self, work: Callable[[RedisWriter], T]) -> T:
        line, lock, keys = self._writer_line, self._lock, self._keys
        kept: tuple[bytes, T] | None = None
        trouble: Exception | None = None
        for pause in _PAUSES:
            self._clock.sleep(pause)
            writer: RedisWriter | None = None
            try:
                lock.take(line)
                if kept is not None and line.ask(["GET", keys.done(lock.owner)])[0] == kept[0]:
                    lock.release(line)
                    return kept[1]
                kept = None
                sweep(line, lock, keys, line.ask(["SMEMBERS", keys.litter])[0])
                writer = RedisWriter(line, lock, keys, partial(self._open, _TO_WRITE))
                done = work(writer)
                kept = lock.token, done  # unless the connection is cut before the server says so
                writer.commit()
            except LostError as error:
                kept, trouble = None, error
                continue
            except AwayError as error:
                trouble = error
                continue
            except BaseException as error:
                _abandon(writer, lock, line)
                if isinstance(error, StoreError):
                    line.close()  # the address may lead to another server by now
                raise
            with suppress(LostError, StoreError):  # or else the next writer tidies up
                writer.tidy()
            return done
        raise _given_up(self._settings.place, trouble, unsure=kept is not None) from trouble

    def _open(self, patience: float) -> Line:
        line = self._settings.line(
            patience=patience, greet=partial(check_server, writes=not self._read_only)
        )
        with self._opening:
            self._lines.add(line)
        return line

    def _line(self) -> Line:
        own = self._own
        line: Line | None = getattr(own, "line", None)
        if self._closed:
            raise StoreError("the online store is closed", value=self._settings.place)
        if line is None or own.process != getpid():
            own.line = line = self._open(self._to_read)
            own.process = getpid()
        return line


def _abandon(writer: RedisWriter | None, lock: Lock, line: Line) -> None:
    """Remove what failed work has left, as far as that can be done now."""
    with suppress(LostError, StoreError):
        if writer is not None:
            writer.abandon()
        else:
            lock.release(line)


def _given_up(place: str, trouble: Exception | None, *, unsure: bool) -> StoreError:
    if not isinstance(trouble, StoreError):
        return ConflictError(
            "another process took the online store over each time before the write was done",
            value=place,
            expected="a process that is not stopped while it writes",
            fix="write again",
        )
    if unsure:
        return StoreError(
            "the online store went away, and whether it has kept the last write is not known",
            value=place,
            fix="write again when it answers; rows that it has already do no harm",
        )
    return trouble
