"""Answers given a moment ago, so that a request that is sent again is answered the same."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Recent"]

_ENTRIES = 10_000
_BYTES = 64 * 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Kept(Generic[T]):
    value: T
    size: int


class Recent(Generic[T]):
    """The last values by id, bounded in number and in bytes.

    >>> recent = Recent[str](entries=2)
    >>> for name in "abc":
    ...     recent.put(name, name.upper(), size=1)
    >>> recent.get("a"), recent.get("c")
    (None, 'C')
    """

    def __init__(self, entries: int = _ENTRIES, most_bytes: int = _BYTES) -> None:
        self._entries = entries
        self._most = most_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, _Kept[T]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, name: str) -> T | None:
        """Return what was kept under an id; None if nothing was, or too long ago."""
        found = self._kept.get(name)
        return None if found is None else found.value

    def put(self, name: str, value: T, *, size: int) -> None:
        """Keep a value, and forget the oldest ones beyond the bounds."""
        before = self._kept.pop(name, None)
        if before is not None:
            self._bytes -= before.size
        self._kept[name] = _Kept(value, size)
        self._bytes += size
        while len(self._kept) > self._entries or self._bytes > self._most:
            self._bytes -= self._kept.popitem(last=False)[1].size
