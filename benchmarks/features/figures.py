"""The table of features: what, how far it is to reach, Lapwise, bare libraries, Feast, and ratios."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from benchmarks.features.feast import ENTITIES, FeastPeer
from benchmarks.features.history import write_entities, write_tables
from benchmarks.features.joined import join, measure_joins, same
from benchmarks.features.on_demand import measure_on_demand
from benchmarks.features.online import measure_online
from benchmarks.features.redis_process import redis_process
from benchmarks.features.replaying import replay, verify
from benchmarks.features.rows import (
    HEADINGS,
    Row,
    demand_rows,
    join_rows,
    materialize_rows,
    online_rows,
)
from benchmarks.process import run
from benchmarks.table import table
from lapwise.core.clock import MachineClock
from peers.environment import versions

if TYPE_CHECKING:
    from collections.abc import Mapping

_ROOT = Path(__file__).parents[2]
_SMALL = (200_000, 1_000_000)
_WHOLE = 1_000_000
_TENTH = 100_000


def main(argv: Sequence[str]) -> None:
    """Measure, and print the table."""
    asked = _parser().parse_args(argv)
    clock = MachineClock()
    begun = clock.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        peer = None
        if asked.peers:
            peer = FeastPeer(folder / "feast")
            print(", ".join(f"{name} {found}" for name, found in versions("feast").items()), "\n")
        bench = _Bench(folder, asked, stack.enter_context(redis_process()), peer)
        rows = [row for part in asked.parts for row in bench.parts[part]()]
    print(table(HEADINGS, [row.cells() for row in rows]), "\n")
    for note in bench.notes:
        print(note)
    print(f"\nAll of it took {clock.monotonic() - begun:.0f} s.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks features")
    add = parser.add_argument
    add("--examples", type=int, default=1_000_000, help="rows that are described")
    add("--rows", type=int, default=5_000_000, help="events that they see")
    add("--keys", type=int, default=50_000, help="entities of both")
    add("--entities", type=int, default=100_000, help="entities of the online store")
    add("--repeats", type=int, default=3, help="joins, of which the median is told")
    add("--days", type=int, default=14, help="days of flights to replay")
    add("--project", type=Path, help="verify this demo, replayed already, instead")
    add("--whole", action="store_true", help="let Feast materialise a million entities too")
    add("--peers", action="store_true", help="install Feast, and measure it too")
    parts = ("join", "online", "materialize", "replay", "on-demand")
    add("--parts", nargs="+", choices=parts, default=parts, help="measure these alone")
    return parser


class _Bench:
    """Measures part by part; what is to be said of it below the table is in ``notes``."""

    def __init__(
        self, folder: Path, asked: argparse.Namespace, redis: str, peer: FeastPeer | None
    ) -> None:
        self._folder, self._asked, self._redis, self._peer = folder, asked, redis, peer
        self.notes: list[str] = []
        self.parts: Mapping[str, Callable[[], Iterator[Row]]] = {
            "join": self._joins,
            "online": self._online,
            "materialize": self._materialize,
            "replay": self._replay,
            "on-demand": self._on_demand,
        }

    def _joins(self) -> Iterator[Row]:
        asked, folder = self._asked, self._folder
        sizes = asked.examples, asked.rows, asked.keys
        tables = write_tables(folder / "ordered", *sizes, ordered=True)
        shuffled = write_tables(folder / "shuffled", *sizes, ordered=False)
        found = measure_joins(tables.folder, shuffled.folder, asked.repeats, _tell)
        theirs = None
        self.notes.append(
            f"join: {asked.examples:,} examples, {asked.rows:,} events, {asked.keys:,} keys, from"
            f" Parquet to the answer;\n  the tables are {tables.size:,.0f} MB in memory. Bare Polars"
            " sorts what is in no order first."
        )
        if self._peer:
            _tell("joining, Feast")
            theirs = self._peer.join(tables.folder, "duckdb")
            if theirs is None:
                self.notes.append("  Feast's DuckDB engine failed within its memory.")
            else:
                same(theirs.check, found["ordered"].check)
        yield from join_rows(found, tables.size, theirs)
        if self._peer:
            yield from self._small_join(self._peer)

    def _small_join(self, peer: FeastPeer) -> Iterator[Row]:
        """Yield the row of Feast's default engine, which cannot do more."""
        examples, rows = _SMALL
        small = write_tables(self._folder / "small", examples, rows, self._asked.keys, ordered=True)
        ours = join("lapwise-last", small.folder, self._asked.repeats)
        bare = join("bare-last", small.folder, self._asked.repeats)
        theirs = peer.join(small.folder, "file")
        shown = "join, 200 k x 1 M, Feast's default engine, s"
        yield Row(shown, "", ours.files, bare.files, theirs.s if theirs else None)
        if theirs:
            lost = examples - theirs.rows
            self.notes.append(f"  Feast's default engine lost {lost:,} of {examples:,} examples.")

    def _online(self) -> Iterator[Row]:
        found = measure_online(self._folder, self._redis, self._asked.entities, _tell)
        theirs = {}
        if self._peer:
            _tell("looking up, Feast")
            host, _, port = self._redis.partition(":")
            theirs["redis"] = self._peer.online(f"{host}:{port},db=3")
            theirs["lmdb"] = self._peer.online("sqlite")
            self.notes.append(
                f"online: Feast reads finished numbers of {ENTITIES:,} entities, on SQLite beside"
                " LMDB.\n  Bare is a get of 20 finished numbers in one piece."
            )
        yield from online_rows(found, theirs)

    def _materialize(self) -> Iterator[Row]:
        path = self._folder / "entities.parquet"
        write_entities(path, _WHOLE)
        _tell("materialising a million")
        lmdb = _materialized(str(self._folder / "million"), path)
        redis = _materialized(f"redis://{self._redis}/2", path)
        theirs = None
        if self._peer:
            size = _WHOLE if self._asked.whole else _TENTH
            _tell(f"materialising {size:,}, Feast")
            if not self._asked.whole:
                path = self._folder / "tenth.parquet"
                write_entities(path, size)
            theirs = dict(self._peer.materialize(path))
            if not self._asked.whole:
                theirs = {name: value * _WHOLE / size for name, value in theirs.items()}
                del theirs["mb"]  # of a tenth of the entities
                self.notes.append(
                    f"materialise: Feast's figures are those of {size:,} entities, times ten."
                )
        yield from materialize_rows(lmdb, redis, theirs)

    def _replay(self) -> Iterator[Row]:
        _tell("replaying flights")
        found = (
            verify(self._asked.project)
            if self._asked.project
            else replay(self._folder / "flights", self._asked.days)
        )
        yield Row("flights replay, % of vectors equal", "100", 100 * found.share)
        self.notes.append(f"replay: {found.vectors:,} vectors of {found.which}.")

    def _on_demand(self) -> Iterator[Row]:
        _tell("on-demand features")
        theirs = self._peer.demand() if self._peer else {}
        yield from demand_rows(measure_on_demand(self._folder), theirs)


def _materialized(where: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.features.materializing", where, str(path)]
    return msgspec.json.decode(run(command, _ROOT).output, type=dict[str, float])


def _tell(what: str) -> None:
    """Say what goes on, where it does not mix with the table."""
    print(f"  {what} …", file=sys.stderr, flush=True)
