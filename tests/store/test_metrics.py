"""How points are kept: few rows however they come, pages that miss nothing, writers side by side."""

from __future__ import annotations

import math
import random
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from lapwise.core.errors import DeclarationError, NotFoundError
from lapwise.core.model import Metric, Run
from lapwise.store import schema
from lapwise.store.chunks import FULL, unpack
from lapwise.store.database import connect
from lapwise.store.model import Store
from tests.store import making
from tests.store.conftest import Place


@pytest.fixture(params=["sqlite", "postgresql"])
def kept_at(request: pytest.FixtureRequest) -> Place:
    """A place of each database, without a wire between."""
    found: Place = request.getfixturevalue(f"{request.param}_place")
    return found


@pytest.fixture
def kept(kept_at: Place) -> Iterator[Store]:
    with kept_at.open() as store:
        yield store


def metric(step: int, value: float = 1.0, at: int = 0) -> Metric:
    return Metric(name="loss", value=value, step=step, at=at)


def chunks(place: Place) -> list[Any]:
    """Return the chunks of a store, each checked against its points."""
    database = connect(place.url)
    with database.read() as connection:
        found = list(
            connection.execute(select(schema.metric_chunk).order_by(schema.metric_chunk.c.id))
        )
    database.close()
    for row in found:
        points = unpack(row._mapping["points"])
        bounds = (len(points.steps), min(points.steps), max(points.steps))
        assert (row._mapping["count"], row.low, row.high) == bounds
    return found


def test_points_that_come_one_by_one_are_joined(kept: Store, kept_at: Place) -> None:
    """A few rows, not one for each call; the history is as it was logged."""
    run = kept.runs.create(making.run())
    rnd = random.Random(3)
    logged = [metric(rnd.randrange(50), rnd.random(), rnd.randrange(3)) for _ in range(300)]
    for point in logged:
        kept.runs.log(run.id, metrics=[point])
    assert len(chunks(kept_at)) <= 9
    expected = sorted(logged, key=lambda point: (point.step, point.at))
    assert kept.runs.history(run.id, "loss") == tuple(expected)


def test_a_long_batch_is_cut_and_short_ones_after_it_are_joined(
    kept: Store, kept_at: Place
) -> None:
    run = kept.runs.create(making.run())
    kept.runs.log(run.id, metrics=[metric(step) for step in range(2 * FULL + 5)])
    for step in range(20):
        kept.runs.log(run.id, metrics=[metric(step)])
    counts = [row._mapping["count"] for row in chunks(kept_at)]
    assert counts[:2] == [FULL, FULL]
    assert sum(counts) == 2 * FULL + 25
    assert len(counts) <= 7


def test_writers_of_one_metric_lose_nothing(kept_at: Place) -> None:
    """Several at once, each in its own connection: every point is there once."""
    with kept_at.open() as store:
        run = store.runs.create(making.run())
    failed: list[Exception] = []

    def write(writer: int) -> None:
        try:
            with kept_at.open() as mine:
                for at in range(40):
                    points = [metric(at, writer, writer), Metric(name="b", value=1.0, step=at)]
                    mine.runs.log(run.id, metrics=points[:: 1 if writer % 2 else -1])
        except Exception as error:  # noqa: BLE001 - it is shown by the test that started it
            failed.append(error)

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for one in writers:
        one.start()
    for one in writers:
        one.join()
    assert failed == []
    with kept_at.open() as store:
        found = [(point.step, point.at) for point in store.runs.history(run.id, "loss")]
        assert found == [(at, writer) for at in range(40) for writer in range(4)]
        assert len(store.runs.history(run.id, "b")) == 160
    assert len(chunks(kept_at)) < 40


_CALLS = st.lists(
    st.lists(st.tuples(st.integers(-3, 6), st.integers(0, 2)), min_size=1, max_size=8), max_size=8
)


def test_pages_of_points_are_the_history(kept: Store) -> None:
    """Whatever the size of a page, and however often one step and time came."""

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_CALLS, st.integers(1, 9))
    def agree(calls: Sequence[Sequence[tuple[int, int]]], limit: int) -> None:
        run = kept.runs.create(making.run())
        count = 0
        for call in calls:
            kept.runs.log(
                run.id,
                metrics=[metric(step, count + place, at) for place, (step, at) in enumerate(call)],
            )
            count += len(call)
        found: list[Metric] = []
        after = ""
        while True:
            page = kept.runs.points(run.id, "loss", limit=limit, after=after)
            assert len(page.items) <= limit
            found += page.items
            after = page.next
            if not after:
                break
        assert tuple(found) == kept.runs.history(run.id, "loss")
        assert len(found) == count

    agree()


def test_pages_go_on_while_points_come(kept: Store) -> None:
    """Chunks that are joined meanwhile do not matter."""
    run = kept.runs.create(making.run())
    for step in range(40):
        kept.runs.log(run.id, metrics=[metric(step)])
    steps: list[int] = []
    after = ""
    for more in range(40, 1000):
        page = kept.runs.points(run.id, "loss", limit=7, after=after)
        steps += [point.step for point in page.items]
        kept.runs.log(run.id, metrics=[metric(more)])
        after = page.next
        if not after:
            break
    assert steps == list(range(len(steps)))
    assert len(steps) >= 40


def test_a_page_of_a_million_points_reads_little(sqlite_place: Place) -> None:
    """Only the chunks that it needs."""
    with sqlite_place.open() as store:
        run = store.runs.create(making.run())
        store.runs.log(run.id, metrics=[metric(step) for step in range(10 * FULL)])
        page = store.runs.points(run.id, "loss", limit=10)
        last = store.runs.points(run.id, "loss", limit=5, after=page.next)
        assert [point.step for point in last.items] == list(range(10, 15))


def test_points_that_are_not_there(store: Store) -> None:
    """An unknown metric has none; an unknown run, a wrong token and a wrong limit are errors."""
    run: Run = store.runs.create(making.run())
    assert store.runs.points(run.id, "nothing").items == ()
    assert store.runs.curve(run.id, "nothing") == ()
    with pytest.raises(NotFoundError):
        store.runs.points("nobody", "loss")
    with pytest.raises(DeclarationError, match="page"):
        store.runs.points(run.id, "loss", after="x")
    with pytest.raises(DeclarationError):
        store.runs.points(run.id, "loss", limit=0)


def test_the_last_value_is_by_step_then_time(store: Store) -> None:
    """Whatever came later; NaN may be the last."""
    run = store.runs.create(making.run())
    for point in (metric(5, 1.0, 9), metric(5, 2.0, 8), metric(4, 3.0, 99), metric(5, 4.0, 9)):
        store.runs.log(run.id, metrics=[point])
    assert store.runs.metrics([run.id])[run.id] == (metric(5, 4.0, 9),)
    store.runs.log(run.id, metrics=[metric(6, math.nan)])
    assert math.isnan(store.runs.metrics([run.id])[run.id][0].value)


def test_many_metrics_in_one_call(kept: Store, kept_at: Place) -> None:
    """More names than one statement takes, twice, are joined each for itself."""
    run = kept.runs.create(making.run())
    for step in range(2):
        kept.runs.log(
            run.id, metrics=[Metric(name=f"m{at:04}", value=at, step=step) for at in range(1200)]
        )
    database = connect(kept_at.url)
    with database.read() as connection:
        count = connection.scalar(select(func.count()).select_from(schema.metric_chunk))
    database.close()
    assert count == 1200
    assert [point.value for point in kept.runs.history(run.id, "m0777")] == [777.0, 777.0]
    assert len(kept.runs.metrics([run.id])[run.id]) == 1200
