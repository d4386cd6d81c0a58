"""How far each day's answers have moved, from what a watcher counted."""

from __future__ import annotations

from typing import Any

import pytest

from lapwise.core.clock import format_time
from lapwise.core.errors import NotFoundError
from lapwise.loop.drifting import drift_by_day
from lapwise.loop.watch import Watcher
from tests.loop.answered import FROM, Asked
from tests.loop.twice import DAY, MODEL, NOW
from tests.loop.worlds import World


def never(*_: Any) -> Any:
    raise AssertionError("no lap was due")


def count(asked: Asked) -> None:
    """Let a watcher take in the log until the last midnight; nobody approves, nothing is trained."""
    asked.world.edit("triggers=[lw.triggers.Code(), ", "triggers=[")
    with asked.world.workshop(format_time(NOW)) as opened:
        Watcher(opened, asked.world.loop(), never).tick(NOW)


def test_days_are_counted_labelled_and_measured(answered: Asked) -> None:
    count(answered)
    with answered.world.workshop() as opened:
        days = drift_by_day(opened.store, None, 14)
    assert [one.day for one in days] == [FROM, FROM + DAY, FROM + 2 * DAY]
    assert sum(one.rows for one in days) == answered.rows
    first = days[0]
    assert first.labelled > 0
    assert first.base_rate is not None
    assert first.mean_score is not None
    assert first.auc is not None
    assert 0.5 < first.auc <= 1
    names = [moved.feature for moved in first.moved]
    assert {"customer_rate", "amount", "shop"} <= set(names)
    distances = [moved.distance for moved in first.moved]
    assert distances == sorted(distances, reverse=True)
    assert all(0 <= one <= 1 for one in distances)


def test_the_last_days_are_shown(answered: Asked) -> None:
    count(answered)
    with answered.world.workshop() as opened:
        assert [one.day for one in drift_by_day(opened.store, MODEL, 1)] == [FROM + 2 * DAY]


def test_counting_again_counts_nothing_twice(answered: Asked) -> None:
    count(answered)
    with answered.world.workshop() as opened:
        before = drift_by_day(opened.store, MODEL, 14)
    with answered.world.workshop(format_time(NOW)) as opened:
        Watcher(opened, answered.world.loop(), never).tick(NOW)
        assert drift_by_day(opened.store, MODEL, 14) == before


def test_a_column_that_moved_comes_first(answered: Asked) -> None:
    """The same days, but in the log every amount is a hundred times what it was."""
    import msgspec

    from lapwise.core.prediction import Answered
    from lapwise.serving import LogReader, PredictionLog, log_folder

    folder = log_folder(answered.world.root / ".lapwise" / "live" / MODEL)
    entries = LogReader(folder).read()
    for path in folder.glob("*.log"):
        path.unlink()
    log = PredictionLog(folder)
    for entry in entries:
        if isinstance(entry, Answered):
            (answer,) = entry.answers
            amounts: list[Any] = [
                None if one is None else 100 * float(str(one)) for one in answer.features["amount"]
            ]
            moved = {**answer.features, "amount": amounts}
            entry = msgspec.structs.replace(  # noqa: PLW2901 - it goes on as the moved one
                entry, answers=(msgspec.structs.replace(answer, features=moved),)
            )
        log.append(entry)
    log.close()
    count(answered)
    with answered.world.workshop() as opened:
        days = drift_by_day(opened.store, MODEL, 14)
    assert all(one.moved[0].feature == "amount" for one in days)
    assert all(one.moved[0].distance > 0.5 for one in days)


def test_nothing_counted_and_no_such_model(twice: World) -> None:
    with twice.workshop() as opened:
        assert drift_by_day(opened.store, None, 14) == ()
        with pytest.raises(NotFoundError, match="no such model") as caught:
            drift_by_day(opened.store, "nothing", 14)
    assert "returns" in str(caught.value)
