"""Twenty features looked up online, and events pushed, on LMDB and Redis.

Entities (100,000 unless said otherwise) have 35 days of events: one in a hundred has 300 rows, the
others 4. The features are count, mean, deviation, maximum, last and number of distinct values over
one, seven and thirty days, a sum and a minimum, as of now. Who is asked for is drawn by activity, so
three of seven are busy ones. Each request is made once of each case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from benchmarks.features.bare import bare_lmdb, bare_redis
from benchmarks.features.history import EVENTS, NOW, activity, instants, twenty
from benchmarks.features.spread import Call, Spread, spread_of, spreads
from lapwise.core.clock import MachineClock
from lapwise.core.model import Column
from lapwise.features import OnlineLookup, OnlineStore

if TYPE_CHECKING:
    from lapwise.features.model import FeatureView

ASKED = 3_000
MANY = 500
PUSHED = 500
CLOCK = MachineClock()
GRAIN = "1h"
CASES: dict[str, tuple[int, str | None]] = {
    "1 view": (1, GRAIN),
    "1 view, exact": (1, None),
    "4 views": (4, GRAIN),
}
OF: dict[str, tuple[str, ...]] = {"lmdb": tuple(CASES), "redis": ("1 view", "4 views")}


@dataclass(frozen=True, slots=True)
class Online:
    """What was measured: look-ups of 1 and of 100 by case, of one event and of 1,000 pushed.

    The cases are those of ``CASES``, after ``lmdb`` or ``redis``; and ``bare``.
    """

    one: Mapping[str, Spread]
    hundred: Mapping[str, Spread]
    push: Mapping[str, Spread]
    thousand: Mapping[str, float]
    seconds: Mapping[str, float]


def measure_online(
    folder: Path, address: str, entities: int, tell: Callable[[str], None]
) -> Online:
    """Measure both stores, each beside its floor, in alternating rounds."""
    rows = activity(entities)
    drawn = rows["who"].sample(ASKED + MANY * 100, with_replacement=True, seed=5).to_list()
    single = [[one] for one in drawn[:ASKED]]
    many = [drawn[at : at + 100] for at in range(ASKED, len(drawn), 100)]
    locations: dict[str, Any] = {"lmdb": folder / "online", "redis": f"redis://{address}/0"}
    pushed: dict[str, Spread] = {}
    thousand: dict[str, float] = {}
    seconds: dict[str, float] = {}
    with ExitStack() as stack:
        calls: dict[str, Call] = {
            "lmdb bare": stack.enter_context(bare_lmdb(folder / "bare", entities)),
            "redis bare": stack.enter_context(bare_redis(address, entities)),
        }
        stores = {}
        for kind, location in locations.items():
            stores[kind] = stack.enter_context(OnlineStore.open(location))
            for case in OF[kind]:
                tell(f"materialising {kind}, {case}")
                views = twenty(*CASES[case])
                begun = CLOCK.monotonic()
                stores[kind].materialize(views, {"events": rows.lazy()}, at=NOW)
                seconds[f"{kind} {case}"] = CLOCK.monotonic() - begun
                calls[f"{kind} {case}"] = _looking(views, stores[kind])
        tell("looking up")
        one = spreads(calls, single)
        hundred = spreads(calls, many, warm=20)
        for kind, store in stores.items():
            tell(f"pushing, {kind}")
            pushed[kind], thousand[kind] = _push(store, rows, twenty(*CASES["1 view"]))
    return Online(one, hundred, pushed, thousand, seconds)


def _looking(views: Sequence[FeatureView], store: OnlineStore) -> Call:
    lookup = OnlineLookup(views, store, columns=[Column(name="who", dtype="Int64")])
    found = lookup.look_up({"who": [0]}, at=NOW)
    assert len(found) == 20, f"{len(found)} features of 20"
    assert found["count_30d"][0] > 0, "a busy entity has no rows"

    def look(asked: Sequence[int]) -> Mapping[str, Sequence[Any]]:
        return lookup.look_up({"who": asked}, at=NOW)

    return look


def _push(
    store: OnlineStore, rows: pl.DataFrame, views: Sequence[FeatureView]
) -> tuple[Spread, float]:
    """Return the microseconds of one new event of an entity drawn by activity, and of 1,000."""
    later = rows.sample(PUSHED + 3_000, seed=6).with_columns(
        id=pl.lit(rows.height) + pl.int_range(pl.len()),
        event=instants(NOW + np.arange(PUSHED + 3_000) * 1_000_000),
    )
    spent = []
    for at in range(PUSHED):
        event = later[at : at + 1]
        begun = CLOCK.monotonic()
        store.push(EVENTS, event, views)
        spent.append((CLOCK.monotonic() - begun) * 1e6)
    batches = []
    for at in range(PUSHED, later.height, 1_000):
        begun = CLOCK.monotonic()
        told = store.push(EVENTS, later[at : at + 1_000], views)
        batches.append((CLOCK.monotonic() - begun) * 1e6)
        assert told.rows == 1_000
    return spread_of(spent), sorted(batches)[1]
