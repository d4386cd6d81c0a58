"""What the online store needs of a place that keeps bytes: reads in one go, writes all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

__all__ = ["Backend", "Writer"]

T = TypeVar("T")


class Writer(Protocol):
    """One write: it reads what it wrote, and others see all of it or nothing."""

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of some keys, None where there is none, in one round trip."""
        ...

    def put(self, key: bytes, value: bytes) -> None:
        """Keep a value."""
        ...

    def delete(self, key: bytes) -> None:
        """Forget a key; one that is not there does no harm."""
        ...

    def load(self, prefix: bytes, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep many records in order of their keys, all under a prefix that nothing has yet."""
        ...

    def drop(self, prefix: bytes) -> None:
        """Forget all keys under a prefix."""
        ...


class Backend(Protocol):
    """Keys and values, written by one process at a time and read by any number.

    What ``write`` returned from survives the death of every process of ours.
    """

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of some keys as of one moment, None where there is none.

        It is one round trip, however many keys there are.
        """
        ...

    def write(self, work: Callable[[Writer], T]) -> T:
        """Do work that nothing else writes beside, and return what it returned.

        If it raises, nothing is kept. It may be called again from the start.
        """
        ...

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield all records under a prefix, in any order."""
        ...

    def close(self) -> None:
        """Give back what it holds; closing twice does no harm."""
        ...
