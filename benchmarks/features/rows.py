"""The table's rows, made of what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.features.feast import FeastJoin, FeastOnline
    from benchmarks.features.joined import Joined
    from benchmarks.features.online import Online
    from benchmarks.features.spread import Spread

__all__ = ["HEADINGS", "Row", "demand_rows", "join_rows", "materialize_rows", "online_rows"]

HEADINGS = ("what", "reach", "Lapwise", "bare", "Feast", "x bare", "x Feast")


@dataclass(frozen=True, slots=True)
class Row:
    """One line: what it costs us, a bare library and Feast; None where there is nothing to compare."""

    what: str
    reach: str
    ours: float
    bare: float | None = None
    feast: float | None = None

    def cells(self) -> tuple[object, ...]:
        """Return what is shown: ratios are ours to theirs, so that less is better."""
        return (
            self.what,
            self.reach,
            self.ours,
            self.bare,
            self.feast,
            _ratio(self.ours, self.bare),
            _ratio(self.ours, self.feast),
        )


def _ratio(ours: float, theirs: float | None) -> str | None:
    if not theirs:
        return None
    if ours < 0.1 * theirs:
        return f"1/{theirs / ours:,.0f}"
    return f"{ours / theirs:.2f}" if ours < 10 * theirs else f"{ours / theirs:,.0f}"


def join_rows(found: Mapping[str, Joined], size: float, theirs: FeastJoin | None) -> Iterator[Row]:
    """Yield the rows of the joins; ``size`` is that of the tables in MB."""
    for name, shown in (("ordered", "in order of time"), ("shuffled", "in no order")):
        ours, bare = found[name], found[f"{name} bare"]
        peer = theirs if name == "ordered" else None
        yield Row(
            f"join of 5 last values, {shown}, s",
            "≤ 1.3 x bare",
            ours.files,
            bare.files,
            peer.s if peer else None,
        )
        yield Row("  from tables in memory, s", "≤ 1.3 x bare", ours.memory, bare.memory)
        reach = f"≤ {2 * size:,.0f}"
        yield Row("  memory above the imports, MB", reach, ours.grown, bare.grown)
        yield Row("  peak memory, MB", "", ours.peak, bare.peak, peer.mb if peer else None)
    for name, shown, reach, most in (
        ("sums", "30 count, sum, mean, std, 1 core, s", "≤ 4", "≤ 2,000"),
        ("extremes", "10 min and max, 1 core, s", "≤ 6", ""),
    ):
        ours, bare = found[name], found[f"{name} bare"]
        yield Row(shown, reach, ours.files, bare.files)
        yield Row("  peak memory, MB", most, ours.peak, bare.peak)


def online_rows(found: Online, theirs: Mapping[str, FeastOnline]) -> Iterator[Row]:
    """Yield the rows of the online store; Feast's SQLite stands beside LMDB."""
    for kind, shown, one_p50, one_p99, many in (
        ("lmdb", "LMDB", "≤ 60", "≤ 200", "≤ 3,000"),
        ("redis", "Redis", "", "≤ 1,000", "≤ 5,000"),
    ):
        peer = theirs.get(kind)
        cases = [case.partition(" ")[2] for case in found.one if case.startswith(kind)]
        for case in cases:
            if case == "bare":
                continue
            same = None if peer is None else (peer.four if case.startswith("4") else peer.one)
            where = f"{shown}, {case}"
            ours, bare = found.one[f"{kind} {case}"], found.one[f"{kind} bare"]
            yield from _pair(f"1 entity, {where}", (one_p50, one_p99), ours, bare, same)
        for case in cases:
            if case != "bare":
                ours, bare = found.hundred[f"{kind} {case}"], found.hundred[f"{kind} bare"]
                same = peer.hundred if peer and case.startswith("1") else None
                yield from _pair(f"100 entities, {shown}, {case}", ("", many), ours, bare, same)
        push = peer.push if peer else None
        yield from _pair(f"push 1 event, {shown}", ("", ""), found.push[kind], None, push)
        yield Row(f"push 1,000 events, {shown}, µs", "", found.thousand[kind])


def _pair(
    what: str, reach: tuple[str, str], ours: Spread, bare: Spread | None, feast: Spread | None
) -> Iterator[Row]:
    for name, most in zip(("p50", "p99"), reach, strict=True):
        yield Row(
            f"{what}, {name} µs" if name == "p50" else "  p99 µs",
            most,
            getattr(ours, name),
            getattr(bare, name) if bare else None,
            getattr(feast, name) if feast else None,
        )


def materialize_rows(
    lmdb: Mapping[str, float], redis: Mapping[str, float], theirs: Mapping[str, float] | None
) -> Iterator[Row]:
    """Yield the rows of materialising; Feast's SQLite stands beside LMDB."""
    shown = f"materialise {lmdb['entities']:,.0f} x 5"
    for where, ours, peer in (("LMDB", lmdb, theirs), ("Redis", redis, None)):
        reach = "≤ 10" if lmdb["entities"] >= 1_000_000 else ""
        yield Row(f"{shown}, {where}, s", reach, ours["s"], None, peer["s"] if peer else None)
        yield Row("  store, MB", "", ours["store"], None, peer["disk"] if peer else None)
        yield Row("  peak memory, MB", "", ours["mb"], None, peer.get("mb") if peer else None)


def demand_rows(found: Mapping[str, Spread], theirs: Mapping[str, Spread]) -> Iterator[Row]:
    """Yield the rows of on-demand features; bare is a call of Polars."""
    for size, rows in ((1, "1 row"), (100, "100 rows")):
        for name in ("two", "ten"):
            ours, bare = found[f"{name}, {size}"], found[f"{name} bare, {size}"]
            peer = theirs.get(f"{name}, {size}")
            yield from _pair(f"{name} on demand, {rows}", ("", ""), ours, bare, peer)
