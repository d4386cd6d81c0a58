"""Whatever comes, in whatever order, the online store says what the frame says, to the bit."""

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

from lapwise.core.declaration import Table
from lapwise.core.model import Column
from lapwise.features.model import FeatureView
from lapwise.features.online import page, tile
from lapwise.features.online.lookup import OnlineLookup
from lapwise.features.online.store import OnlineStore
from tests.features.reference import Row
from tests.features.test_join import (
    HISTORY,
    ROW,
    TABLE,
    VIEW,
    differing,
    examples_of,
    joined,
    table_of,
)

WHO = ["a", "b", "c", "d", None]
EMPTY = {"history": table_of([]).lazy()}
FOLDS = st.sampled_from([1, 2, 8])


@contextmanager
def opened(fold_rows: int = 8, keep: str = "1d") -> Iterator[OnlineStore]:
    """Open an empty store that folds tiles of few rows."""
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(tile, "FOLD_ROWS", fold_rows),
        patch.object(page, "SHORT", 0 if fold_rows == 2 else page.SHORT),
        OnlineStore.open(Path(folder), keep=keep) as store,
    ):
        yield store


def online(store: OnlineStore, at: int, view: FeatureView = VIEW) -> list[Row]:
    """Look up every entity at one time."""
    lookup = OnlineLookup([view], store, columns=[Column(name="who", dtype="String")])
    found = lookup.look_up({"who": WHO}, at=at)
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def check(store: OnlineStore, rows: Sequence[Row], times: Sequence[int]) -> None:
    """Fail on any bit that differs from the frame."""
    examples = [{"who": who, "at": at} for at in times for who in WHO]
    wanted = joined(examples, table_of(rows)).drop("who", "at").to_dicts()
    found = [row for at in times for row in online(store, at)]
    for example, pair in zip(examples, zip(found, wanted, strict=True), strict=True):
        assert differing(*pair) == {}, example


def batches(rows: Sequence[Row], random: Random) -> Iterator[list[Row]]:
    """Cut rows into batches of any size."""
    rest = list(rows)
    while rest:
        size = random.randint(1, len(rest))
        yield rest[:size]
        rest = rest[size:]


def check_any_order(rows: list[Row], random: Random, fold_rows: int, times: list[int]) -> None:
    """Materialise some rows, push the others in any order and some again, and compare."""
    with opened(fold_rows) as store:
        until = random.choice([0, random.randint(0, 60), 70])
        tables = {"history": table_of(rows).lazy()}
        store.materialize([VIEW], tables if until else EMPTY, at=until)
        coming = [row for row in rows if row["known"] is None or row["known"] >= until]
        coming += random.sample(rows, random.randint(0, len(rows)))
        random.shuffle(coming)
        for batch in batches(coming, random):
            store.push(TABLE, table_of(batch), [VIEW])
        check(store, rows, times)
        before = list(store.stats().values())
        again = random.sample(rows, len(rows))
        assert store.push(TABLE, table_of(again), [VIEW]).rows == 0
        assert list(store.stats().values()) == before
        latest = max((row["known"] for row in rows if row["known"] is not None), default=0)
        store.materialize([VIEW], tables, at=latest + 1, fresh=True)
        check(store, rows, times)


TIMES = st.lists(st.integers(0, 75), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None)
@given(HISTORY, st.randoms(use_true_random=False), FOLDS, TIMES)
def test_any_order_in_any_batches_equals_the_frame(
    rows: list[Row], random: Random, fold_rows: int, times: list[int]
) -> None:
    """Late rows, corrections that move, retract and tie, duplicates: all of it."""
    check_any_order(rows, random, fold_rows, times)


@pytest.mark.prove
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(HISTORY, st.lists(ROW, max_size=60)),
    st.randoms(use_true_random=False),
    FOLDS,
    TIMES,
)
def test_any_order_on_hundreds_of_histories(
    rows: list[Row], random: Random, fold_rows: int, times: list[int]
) -> None:
    """The same, for longer."""
    check_any_order(rows, random, fold_rows, times)


def check_pruning(rows: list[Row], random: Random, fold_rows: int) -> None:
    """Push rows about as they become known, forgetting what is older than ten microseconds."""
    ordered = sorted(
        (row for row in rows if row["known"] is not None),
        key=lambda row: row["known"] + random.randint(0, 4),
    )
    with opened(fold_rows, keep="10us") as store:
        store.materialize([VIEW], EMPTY, at=0)
        pushed: list[Row] = []
        for batch in batches(ordered, random):
            floor = next(iter(store.stats().values())).floor
            if any(row["known"] < floor for row in batch):
                return  # later than the store promises to take
            pushed += batch
            store.push(TABLE, table_of(batch), [VIEW])
            again = random.sample(pushed, random.randint(0, len(pushed)))
            assert store.push(TABLE, table_of(again), [VIEW]).rows == 0
            stats = next(iter(store.stats().values()))
            if len(pushed) == len(ordered) or random.random() < 0.2:
                later = stats.latest + random.randint(1, 40)
                check(store, pushed, [stats.floor, stats.latest, later])


def times(size: int) -> st.SearchStrategy[list[Row]]:
    """Draw long histories, in which rows fall out of the windows."""
    moments = st.integers(0, 300)
    spread = st.tuples(ROW, moments, st.integers(-40, 12)).map(
        lambda drawn: (
            drawn[0]
            | {"known": drawn[1], "event": drawn[0]["event"] and max(drawn[1] + drawn[2], 0)}
        )
    )
    return st.lists(spread, max_size=size)


@settings(max_examples=20, deadline=None)
@given(times(30), st.randoms(use_true_random=False), FOLDS)
def test_what_was_forgotten_is_not_missed(rows: list[Row], random: Random, fold_rows: int) -> None:
    """From the floor on every answer is right, and what is pushed again changes nothing."""
    check_pruning(rows, random, fold_rows)


@pytest.mark.prove
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(times(80), st.randoms(use_true_random=False), FOLDS)
def test_what_was_forgotten_is_not_missed_in_hundreds_of_histories(
    rows: list[Row], random: Random, fold_rows: int
) -> None:
    """The same, for longer."""
    check_pruning(rows, random, fold_rows)


@settings(max_examples=20, deadline=None)
@given(times(40), st.lists(st.integers(0, 300), min_size=1, max_size=4), FOLDS)
def test_step_by_step_is_at_once(rows: list[Row], steps: list[int], fold_rows: int) -> None:
    """A store that is brought up in steps answers as one that is built at the end."""
    tables = {"history": table_of(rows).lazy()}
    with opened(fold_rows, keep="10us") as store:
        for at in sorted(steps):
            store.materialize([VIEW], tables, at=at)
            known = [row for row in rows if row["known"] is not None and row["known"] < at]
            check(store, known, [at - 10, at, at + 7])
            assert store.materialize([VIEW], tables, at=at).rows == 0


def test_rows_are_dropped_when_no_window_shows_them() -> None:
    """What a store holds is bounded by the windows, however long it runs."""
    rows: list[Row] = [
        {
            "key": key,
            "event": key * 5,
            "known": key * 5,
            "who": "a",
            "f": 1.0,
            "i": 1,
            "b": None,
            "s": "x",
        }
        for key in range(400)
    ]
    with opened(4, keep="10us") as store:
        store.materialize([VIEW], EMPTY, at=0)
        sizes = []
        for row in rows:
            store.push(TABLE, table_of([row]), [VIEW])
            sizes.append(next(iter(store.stats().values())).rows)
        assert max(sizes) < 20
        assert len(list(store.backend.scan(b""))) < 60


def test_entities_of_two_columns_and_keys_of_two() -> None:
    """Entities and keys are as many columns as they are."""
    table = Table("history", "history.parquet", key=("key", "s"), event="event", known="known")
    view = FeatureView("pair", table, by=("who", "b"), features=dict(VIEW.features))
    rows = [
        {
            "key": random.randint(0, 3),
            "event": random.randint(0, 20),
            "known": random.randint(0, 20),
            "who": random.choice(["a", "b" * 1000]),
            "f": random.random(),
            "i": random.randint(-5, 5),
            "b": random.choice([True, False, None]),
            "s": random.choice(["x", "y" * 600]),
        }
        for random in map(Random, range(60))
    ]
    examples = [{"who": who, "at": 18} for who in ("a", "b" * 1000, None)] * 3
    answers: list[Any] = [True, True, True, False, False, False, None, None, None]
    frame = examples_of(examples).with_columns(b=pl.Series(answers, dtype=pl.Boolean))
    from lapwise.features.offline.join import point_in_time

    wanted = point_in_time(frame, [view], time="at", tables={"history": table_of(rows).lazy()})
    columns = [Column(name="who", dtype="String"), Column(name="b", dtype="Boolean")]
    with opened(2) as store:
        store.materialize([view], EMPTY, at=0)
        for row in rows:
            store.push(table, table_of([row]), [view])
        lookup = OnlineLookup([view], store, columns=columns)
        found = lookup.look_up({"who": frame["who"].to_list(), "b": answers}, at=18)
        assert {name: repr(values) for name, values in found.items()} == {
            name: repr(wanted[name].to_list()) for name in view.names
        }
