"""The ledger, on both databases."""

from __future__ import annotations

import math

import msgspec
import pytest

from lapwise.core.errors import NotFoundError
from lapwise.core.model import Metric
from lapwise.store.model import Store
from tests.store import making


def test_laps_are_numbered_in_their_loop(store: Store) -> None:
    """Each loop counts for itself, and asking again changes nothing."""
    laps = [store.laps.create(making.lap(loop)) for loop in "aab"]
    assert [lap.number for lap in laps] == [1, 2, 1]
    assert store.laps.create(laps[0]) == laps[0]
    assert [lap.number for lap in store.laps.list("a")] == [2, 1]
    assert len(store.laps.list(limit=2)) == 2


def test_a_lap_is_found_by_id_and_number(store: Store) -> None:
    """A number needs its loop only when two loops have it."""
    lap = store.laps.create(making.lap("a"))
    for reference in (lap.id, "1", "lap 1"):
        assert store.laps.get(reference) == lap
    store.laps.create(making.lap("b"))
    assert store.laps.get("1", "a") == lap
    with pytest.raises(NotFoundError, match="a, b"):
        store.laps.get("1")
    with pytest.raises(NotFoundError):
        store.laps.get("7", "a")


def test_a_lap_is_replaced_but_for_its_place(store: Store) -> None:
    """State, verdicts and metrics change, NaN included; loop and number do not."""
    lap = store.laps.create(making.lap())
    changed = msgspec.structs.replace(
        lap, state="waiting", number=7, metrics=(Metric(name="auc", value=math.nan),)
    )
    store.laps.update(changed)
    found = store.laps.get(lap.id)
    assert (found.state, found.number) == ("waiting", 1)
    assert math.isnan(found.metrics[0].value)
    with pytest.raises(NotFoundError):
        store.laps.update(making.lap())
