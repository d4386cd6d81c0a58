"""Materialise in a fresh process: ``python -m benchmarks.features.materializing WHERE ROWS``.

One row of each entity, five features: the last value of five columns, as Feast keeps them. ``WHERE``
is a folder or a ``redis://`` URL. It prints seconds, megabytes that the store takes, and those of
this process at its peak.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.peak import peak_mb
from lapwise.core.clock import MachineClock


def main(where: str, rows: str) -> dict[str, float]:
    """Measure it."""
    import polars as pl

    from benchmarks.features.history import NOW, last_values
    from lapwise.features import OnlineStore

    clock = MachineClock()
    remote = where.startswith("redis://")
    before = _taken(where)
    with OnlineStore.open(where if remote else Path(where)) as store:
        begun = clock.monotonic()
        store.materialize([last_values()], {"events": pl.scan_parquet(rows)}, at=NOW)
        spent = clock.monotonic() - begun
        found = store.stats()
    peak = peak_mb()
    [stats] = found.values()
    return {
        "s": spent,
        "store": (_taken(where) - before) / 1e6,
        "mb": peak,
        "entities": stats.entities,
    }


def _taken(where: str) -> float:
    """Return the bytes that a store takes: in the server's memory, or on disk."""
    if not where.startswith("redis://"):
        return sum(one.stat().st_blocks * 512 for one in Path(where).rglob("*") if one.is_file())
    import redis

    with redis.Redis.from_url(where) as client:
        return float(client.info("memory")["used_memory"])


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:3])))
