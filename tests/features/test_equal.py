"""Online, offline and the plain reference are equal, bit for bit, at any time, whatever was pushed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lapwise.features.model import FeatureView
from lapwise.features.online import page, tile
from lapwise.features.online.lookup import OnlineLookup
from lapwise.features.online.store import OnlineStore
from tests.features.histories import (
    CLOCKS,
    WORLDS,
    World,
    busy_histories,
    histories,
    make_world,
    row_of,
)
from tests.features.reference import Row, features_of
from tests.redis_server import redis_server

RANDOMS = st.randoms(use_true_random=False)
FOLDS = st.sampled_from([1, 2, 8])
LONG: st.SearchStrategy[World] = st.builds(
    make_world,
    st.sampled_from(CLOCKS),
    grain=st.just(7),
    pair=st.booleans(),
    text=st.just(pl.String),
    kinds=st.sampled_from([1, 3]),
    windows=st.sampled_from([(3, 100, 460), (1, 140, 550)]),
)
"""Worlds whose exact view has tiles of some moments: a window begins among the rows of one."""


@contextmanager
def opened(location: Path | str | None, keep: str, fold: int) -> Iterator[OnlineStore]:
    """Open a store, by default in a new folder, that folds tiles of few rows."""
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(tile, "FOLD_ROWS", fold),
        patch.object(page, "SHORT", 0 if fold == 2 else page.SHORT),
        OnlineStore.open(location or Path(folder), keep=keep) as store,
    ):
        yield store


def online(world: World, store: OnlineStore, at: int) -> dict[str, list[Any]]:
    """Look up every entity at one time, all views at once."""
    lookup = OnlineLookup(world.views, store, columns=world.columns)
    who, zone = zip(*world.entities, strict=True)
    found = lookup.look_up({"who": list(who), "zone": list(zone)}, at=at)
    return {name: list(values) for name, values in found.items()}


def require_equal(found: dict[str, list[Any]], wanted: dict[str, list[Any]], told: object) -> None:
    """Fail on any bit that differs; ``repr`` tells apart -0.0 and 0.0, 1 and 1.0."""
    assert list(found) == list(wanted)
    differing = {
        name: (values, wanted[name])
        for name, values in found.items()
        if repr(values) != repr(wanted[name])
    }
    assert differing == {}, told


def moments(world: World, rows: Sequence[Row], random: Random) -> list[int]:
    """Return times worth asking for: when rows become known, and edges of windows and tiles."""
    clock, found = world.clock, [world.clock.at(random.randint(0, 75))]
    for row in random.sample(list(rows), min(3, len(rows))):
        if row["known"] is not None:
            found += [clock.at(row["known"]), clock.at(row["known"]) + 1]
        if row["event"] is not None:
            view = random.choice(world.views)
            window = random.choice([aggregate.within for _, aggregate in view.features])
            edge = clock.at(row["event"]) // view.grain * view.grain + view.grain - 1 + window
            found += [edge, edge + 1, clock.at(row["event"])]
    return random.sample(found, min(3, len(found)))


def check_any_time(
    world: World,
    rows: list[Row],
    random: Random,
    fold: int,
    location: str | None = None,
    keeps: tuple[int, ...] = (3, 12, 1000),
) -> None:
    """Push rows about as they become known, and ask between any two pushes.

    Of what is asked, the frame of the rows pushed so far is right.
    """
    ordered = sorted(rows, key=lambda row: (row["known"] or 0) + random.choice([0, 0, 0, 9]))
    until = random.choice([0, random.randint(0, 60)])
    early = [row for row in rows if row["known"] is not None and row["known"] < until]
    with opened(location, world.clock.length(random.choice(keeps)), fold) as store:
        store.materialize(world.views, world.lazy(rows), at=world.clock.at(until))
        there = early
        rest = [row for row in ordered if row not in early]
        while rest:
            size = random.choice([1, 1, 2, 5])
            batch, rest = rest[:size], rest[size:]
            state = store.state(world.views[0])
            assert state is not None
            if any(
                row["known"] is not None and world.clock.at(row["known"]) < state.floor
                for row in batch
            ):
                continue  # later than the store promises to take without a doubt
            there = there + batch
            store.push(world.table, world.rows(batch), world.views)
            if random.random() < 0.5:
                check_now(world, store, there, random)
        check_now(world, store, there, random)
        again = random.sample(there, len(there))
        assert store.push(world.table, world.rows(again), world.views).rows == 0
        check_now(world, store, there, random)


def check_now(world: World, store: OnlineStore, there: list[Row], random: Random) -> None:
    """Compare at some times that the store answers for."""
    floor = max(state.floor for view in world.views if (state := store.state(view)))
    for at in {max(at, floor) for at in moments(world, there, random)}:
        require_equal(online(world, store, at), world.frame(there, at), (at, world.clock))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(WORLDS, histories(), RANDOMS, FOLDS)
def test_equal_at_any_time(world: World, rows: list[Row], random: Random, fold: int) -> None:
    """Every aggregate, type, zone, unit and grain, between any two pushes."""
    check_any_time(world, rows, random, fold)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(WORLDS, busy_histories(), RANDOMS, FOLDS)
def test_equal_though_tiles_are_folded(
    world: World, rows: list[Row], random: Random, fold: int
) -> None:
    """One entity with many rows, of which few can be asked for one by one."""
    check_any_time(world, rows, random, fold, keeps=(2, 6))


def check_cuts(world: World, random: Random, fold: int) -> None:
    """Ask as of times at which the rows are folded, and windows begin anywhere among them."""
    clock = world.clock
    rows = [
        row_of((
            random.randint(0, 400),
            random.randint(0, 150),
            random.choice([0, 0, 1, 9, 40]),
            random.choice([0, 0, 0, 1]),
            random.randrange(1333) * 3 + 1,
        )) | {"line": "x"}
        for _ in range(random.randint(50, 200))
    ]  # fmt: skip
    with opened(None, clock.length(2), fold) as store:
        store.materialize(world.views, world.lazy(rows), at=clock.at(200))
        for moment in random.sample([*range(200, 290), *range(460, 690)], 12):
            at = clock.at(moment) + random.choice([0, 1])
            require_equal(online(world, store, at), world.frame(rows, at), (at, clock))


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(LONG, RANDOMS, FOLDS)
def test_equal_though_windows_begin_within_tiles(world: World, random: Random, fold: int) -> None:
    """What a tile's own lines give is joined with the page's next."""
    check_cuts(world, random, fold)


@pytest.mark.prove
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(LONG, RANDOMS, FOLDS)
def test_equal_though_windows_begin_within_tiles_in_hundreds_of_histories(
    world: World, random: Random, fold: int
) -> None:
    """The same, for longer."""
    check_cuts(world, random, fold)


@pytest.mark.prove
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(WORLDS, busy_histories(), RANDOMS, FOLDS)
def test_equal_though_tiles_are_folded_in_hundreds_of_histories(
    world: World, rows: list[Row], random: Random, fold: int
) -> None:
    """The same, for longer."""
    check_any_time(world, rows, random, fold, keeps=(2, 6))


@pytest.mark.prove
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(WORLDS, histories(50), RANDOMS, FOLDS)
def test_equal_at_any_time_on_hundreds_of_histories(
    world: World, rows: list[Row], random: Random, fold: int
) -> None:
    """The same, for longer."""
    check_any_time(world, rows, random, fold)


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with redis_server() as url:
        yield url


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=WORLDS, rows=histories(), random=RANDOMS, fold=FOLDS)
def test_equal_at_any_time_on_redis(
    redis: str, world: World, rows: list[Row], random: Random, fold: int
) -> None:
    """The same, on another backend; each history builds its views anew."""
    check_any_time(world, rows, random, fold, forget(redis))


@pytest.mark.prove
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(world=WORLDS, rows=histories(50), random=RANDOMS, fold=FOLDS)
def test_equal_at_any_time_on_redis_on_hundreds_of_histories(
    redis: str, world: World, rows: list[Row], random: Random, fold: int
) -> None:
    """The same, for longer."""
    check_any_time(world, rows, random, fold, forget(redis))


def forget(url: str) -> str:
    """Empty the server, and return its address."""
    import redis as client

    with client.Redis.from_url(url) as connection:
        connection.flushall()
    return url


def check_any_order(
    world: World, rows: list[Row], random: Random, fold: int, location: str | None = None
) -> None:
    """Bring a store up in steps and pushes of any order, some again; a rebuild says the same."""
    with opened(location, world.clock.length(1000), fold) as store:
        tables = world.lazy(rows)
        coming = [*rows, *random.sample(rows, random.randint(0, len(rows)))]
        random.shuffle(coming)
        store.materialize(world.views, tables, at=world.clock.at(random.randint(0, 20)))
        while coming:
            size = random.randint(1, len(coming))
            batch, coming = coming[:size], coming[size:]
            store.push(world.table, world.rows(batch), random.sample(world.views, 2))
            if random.random() < 0.3:
                store.materialize(world.views, tables, at=world.clock.at(random.randint(0, 110)))
        store.materialize(world.views, tables, at=world.clock.at(120))
        times = moments(world, rows, random)
        wanted = {at: world.frame(rows, at) for at in times}
        for fresh in (False, True):
            store.materialize(world.views, tables, at=world.clock.at(121 + fresh), fresh=fresh)
            for at in times:
                require_equal(online(world, store, at), wanted[at], (fresh, at, world.clock))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(WORLDS, histories(), RANDOMS, FOLDS)
def test_any_order_of_arrival_equals_a_rebuild(
    world: World, rows: list[Row], random: Random, fold: int
) -> None:
    """Steps and pushes, again and again, are what is built at once, and what the frame says."""
    check_any_order(world, rows, random, fold)


@pytest.mark.prove
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(WORLDS, histories(50), RANDOMS, FOLDS)
def test_any_order_of_arrival_equals_a_rebuild_on_hundreds_of_histories(
    world: World, rows: list[Row], random: Random, fold: int
) -> None:
    """The same, for longer."""
    check_any_order(world, rows, random, fold)


# ── The plain reference ─────────────────────────────────────────────────────────────────────────

PLAIN = ("f", "i", "b", "s")


def check_reference(grain: int, rows: list[Row], random: Random, fold: int) -> None:
    """Lay the online store beside the slow words of the documentation."""
    world = make_world(CLOCKS[0], grain=grain, pair=False, text=pl.String, kinds=3)
    plain = [row | {"f": None if row["f"] is None else row["f"] + 0.0} for row in rows]
    views = [only_plain(view) for view in world.views]
    with opened(None, "1d", fold) as store:
        store.materialize(views, world.lazy([]), at=0)
        for row in random.sample(rows, len(rows)):
            store.push(world.table, world.rows([row]), views)
        for at in moments(world, rows, random):
            lookup = OnlineLookup(views, store, columns=world.columns)
            who = [one for one, _ in world.entities]
            found = lookup.look_up({"who": who}, at=at)
            for place, one in enumerate(who):
                for view in views:
                    wanted = features_of({"who": one}, at, view, plain, "f")
                    for name in view.names:
                        assert repr(found[name][place]) == repr(wanted[name]), (name, one, at)


def only_plain(view: FeatureView) -> FeatureView:
    """Return a view of the columns that the reference can take."""
    kept = {name: one for name, one in view.features if one.column in ("", "f", "i", "b", "s")}
    grain = f"{view.grain}us"
    return FeatureView(view.name, view.table, view.by, kept, grain=grain)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([2, 5]), histories(), RANDOMS, FOLDS)
def test_equals_the_plain_reference(grain: int, rows: list[Row], random: Random, fold: int) -> None:
    """The documentation's words, in plain Python, say what the store says."""
    untied = list({(row["key"], row["known"]): row for row in rows}.values())
    check_reference(grain, untied, random, fold)


@pytest.mark.prove
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from([2, 5]), histories(40), RANDOMS, FOLDS)
def test_equals_the_plain_reference_on_hundreds_of_histories(
    grain: int, rows: list[Row], random: Random, fold: int
) -> None:
    """The same, for longer."""
    untied = list({(row["key"], row["known"]): row for row in rows}.values())
    check_reference(grain, untied, random, fold)
