"""One write to Redis: it is gathered here, and carried out in one transaction."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from lapwise.core.errors import StoreError
from lapwise.features.online.backends.redis_line import AwayError, Line
from lapwise.features.online.backends.redis_lock import Lock, LostError

__all__ = ["Keys", "RedisWriter", "keys_under", "sweep"]

_PAGE = 500
"""Keys of one command: a reader that asks meanwhile waits for less than a millisecond."""

_AHEAD = 4
"""Commands of a load that are under way while the next one is prepared."""

_REMEMBERED = 3_600_000
"""Milliseconds for which the server remembers a writer's last write."""

_BYTES = 4_000
"""Bytes for which a transaction's lock lasts a millisecond longer."""


class Keys:
    """The names that a space has on the server.

    Args:
        space: what separates it from others; no name of one is a name of another.
    """

    def __init__(self, space: str) -> None:
        self.data = f"{space}:".encode()
        self.lock = f"{space}/lock".encode()
        self.litter = f"{space}/litter".encode()
        """A set of prefixes, below which are keys that nobody reads."""
        self._done = f"{space}/done/"

    def done(self, owner: str) -> bytes:
        """Return the key that says which write of an owner was the last."""
        return f"{self._done}{owner}".encode()


class RedisWriter:
    """What one piece of work writes (a :class:`~lapwise.features.online.backend.Writer`)."""

    def __init__(self, line: Line, lock: Lock, keys: Keys, open_line: Callable[[], Line]) -> None:
        self._line, self._lock, self._keys, self._open_line = line, lock, keys, open_line
        self._put: dict[bytes, bytes] = {}
        self._deleted: set[bytes] = set()
        self._loaded: list[bytes] = []
        self._dropped: list[bytes] = []

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of some keys as this work has left them."""
        asked = [key for key in keys if not self._knows(key)]
        data = self._keys.data
        found = self._line.values([data + key for key in asked]) if asked else []
        values = dict(zip(asked, found, strict=True))
        return [values[key] if key in values else self._put.get(key) for key in keys]

    def put(self, key: bytes, value: bytes) -> None:
        """Keep a value."""
        for prefix in [prefix for prefix in self._dropped if key.startswith(prefix)]:
            self._delete_now(prefix)
        self._deleted.discard(key)
        self._put[key] = value

    def delete(self, key: bytes) -> None:
        """Forget a key."""
        self._put.pop(key, None)
        self._deleted.add(key)

    def load(self, prefix: bytes, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep many records at once, where nobody looks before this write is done."""
        self._lock.granted(self._line.ask(self._lock.command("SADD", self._keys.litter, prefix))[0])
        self._loaded.append(prefix)
        data = self._keys.data
        source, line, lock = iter(records), self._open_line(), self._lock
        try:
            while batch := list(islice(source, _PAGE)):
                pairs = [word for key, value in batch for word in (data + key, value)]
                line.send(lock.command("MSET", *pairs))
                if line.owed > _AHEAD:
                    lock.granted(line.reply())
            while line.owed:
                lock.granted(line.reply())
        finally:
            line.close()

    def drop(self, prefix: bytes) -> None:
        """Forget all keys under a prefix."""
        self._put = {k: v for k, v in self._put.items() if not k.startswith(prefix)}
        self._dropped.append(prefix)

    def commit(self) -> None:
        """Carry out what was gathered, all of it or nothing, and give the lock back.

        Raises:
            LostError: the lock was lost, and nothing was done.
            StoreError: the server refused, and nothing was done.
        """
        if not (self._put or self._deleted or self._loaded or self._dropped):
            self._lock.release(self._line)
            return
        data, keys, lock = self._keys.data, self._keys, self._lock
        pairs = [word for key, value in self._put.items() for word in (data + key, value)]
        commands: list[Sequence[bytes | str | int]] = [["MULTI"]]
        commands += [["MSET", *part] for part in _parts(pairs)]
        commands += [["UNLINK", *part] for part in _parts([data + key for key in self._deleted])]
        if self._loaded:
            commands.append(["SREM", keys.litter, *self._loaded])
        if self._dropped:
            commands.append(["SADD", keys.litter, *self._dropped])
        commands.append(["SET", keys.done(lock.owner), lock.token, "PX", _REMEMBERED])
        if not self._dropped:
            commands.append(["DEL", keys.lock])
        size = sum(len(word) for word in pairs)
        lock.watch(self._line, lock.expiry + size // _BYTES)
        _transact(self._line, commands)
        if self._dropped:
            lock.renew()
        else:
            lock.was_released()

    def tidy(self) -> None:
        """Remove what the write has dropped, now that nobody reads it, and give the lock back."""
        if self._dropped:
            sweep(self._line, self._lock, self._keys, self._dropped)
            self._lock.release(self._line)

    def abandon(self) -> None:
        """Remove what was loaded for nothing, and give the lock back."""
        if self._loaded:
            self._lock.change(self._line)  # what is still on its way of a load comes too late
            sweep(self._line, self._lock, self._keys, self._loaded)
        self._lock.release(self._line)

    def _knows(self, key: bytes) -> bool:
        return key in self._put or key in self._deleted or key.startswith(tuple(self._dropped))

    def _delete_now(self, prefix: bytes) -> None:
        """Forget a prefix key by key, because the work keeps something new below it."""
        self._dropped.remove(prefix)
        cut = len(self._keys.data)
        self._deleted.update(
            key[cut:] for page in keys_under(self._line, self._keys.data + prefix) for key in page
        )


def sweep(line: Line, lock: Lock, keys: Keys, prefixes: Sequence[bytes]) -> None:
    """Remove all keys below some prefixes, while the lock is held.

    Raises:
        LostError: it was lost; the next writer goes on.
    """
    for prefix in prefixes:
        for page in keys_under(line, keys.data + prefix):
            for part in _parts(page):
                lock.granted(line.ask(lock.command("UNLINK", *part))[0])
        lock.granted(line.ask(lock.command("SREM", keys.litter, prefix))[0])


def keys_under(line: Line, prefix: bytes) -> Iterator[list[bytes]]:
    """Yield the keys that begin with a prefix, some at a time; one may come twice."""
    escaped = re.sub(rb"([*?\[\]^\\-])", rb"\\\1", prefix)
    cursor = b"0"
    while True:
        cursor, found = line.ask(["SCAN", cursor, "MATCH", escaped + b"*", "COUNT", 2 * _PAGE])[0]
        if found:
            yield found
        if cursor == b"0":
            return


def _parts(words: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(words), 2 * _PAGE):
        yield words[start : start + 2 * _PAGE]


def _transact(line: Line, commands: Sequence[Sequence[bytes | str | int]]) -> None:
    """Carry out a transaction; raises LostError if what it watches has changed."""
    if line.is_new:  # it watches nothing any more
        raise LostError
    line.send(*commands, ["EXEC"])
    refused: StoreError | None = None
    for _ in commands:
        try:
            line.reply()
        except AwayError:
            raise
        except StoreError as error:
            refused = refused or error
    try:
        replies: list[Any] | None = line.reply()
    except AwayError:
        raise
    except StoreError as error:
        raise refused or error from error
    if replies is None:
        raise LostError
    for reply in replies:
        if isinstance(reply, Exception):
            raise line.failure(reply) from reply
