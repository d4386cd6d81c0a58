"""The floor of an online store: twenty finished numbers of an entity in one piece, 160 bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

import lmdb

from benchmarks.features.spread import Call

_TWENTY = struct.Struct("<20d")
_KEY = struct.Struct(">Q")


def _records(entities: int) -> Iterator[tuple[bytes, bytes]]:
    chance = Random(7)
    for entity in range(entities):
        yield _KEY.pack(entity), _TWENTY.pack(*(chance.random() for _ in range(20)))


@contextmanager
def bare_lmdb(folder: Path, entities: int) -> Iterator[Call]:
    """Yield what reads numbers of entities from LMDB in one transaction."""
    with lmdb.open(str(folder), map_size=1 << 32, sync=False) as environment:
        with environment.begin(write=True) as transaction:
            for key, value in _records(entities):
                transaction.put(key, value, append=True)

        def read(asked: Sequence[int]) -> list[tuple[float, ...]]:
            with environment.begin(buffers=True) as reading:
                return [_TWENTY.unpack(reading.get(_KEY.pack(one), b"")) for one in asked]

        yield read


@contextmanager
def bare_redis(address: str, entities: int) -> Iterator[Call]:
    """Yield what reads numbers of entities from Redis by one MGET."""
    import redis

    host, _, port = address.partition(":")
    with redis.Redis(host, int(port), db=1) as client:
        client.mset(dict(_records(entities)))

        def read(asked: Sequence[int]) -> list[tuple[float, ...]]:
            found = client.mget([_KEY.pack(one) for one in asked])
            return [_TWENTY.unpack(one) for one in found]  # type: ignore[union-attr,unused-ignore]

        yield read
        client.flushdb()
