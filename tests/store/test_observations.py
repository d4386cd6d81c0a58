"""What monitoring counted, on both databases."""

from __future__ import annotations

import math
import threading

import pytest

from lapwise.core.errors import StoreError
from lapwise.core.model import Metric
from lapwise.store.model import Store
from tests.store import making


def test_hours_are_read_in_order_and_between(store: Store) -> None:
    """Oldest first, from `since` and before `until`, of one model only."""
    hours = [making.hour(at, version=version) for at in (30, 10, 20) for version in ("v2", "v1")]
    store.observations.save([*hours, making.hour(20, model="other")])
    found = store.observations.hours("flight-delay")
    assert found == sorted(hours, key=lambda one: (one.hour, one.version))
    assert store.observations.hours("flight-delay", since=20, until=30) == found[2:4]
    assert store.observations.hours("flight-delay", since=30) == found[4:]
    assert store.observations.hours("flight-delay", until=10) == []


def test_an_hour_saved_again_is_replaced(store: Store) -> None:
    """Also within one call, where the later counts."""
    store.observations.save([making.hour(10), making.hour(20)])
    store.observations.save([making.hour(20, rows=8), making.hour(20, rows=9)])
    assert [one.rows for one in store.observations.hours("flight-delay")] == [7, 9]


def test_days_are_kept_and_replaced_beside_hours(store: Store) -> None:
    """One call keeps both; nothing to keep is no error."""
    store.observations.save([making.hour(10)], [making.day(0), making.day(86_400)])
    store.observations.save(days=[making.day(0, labelled=9)])
    store.observations.save()
    assert [one.labelled for one in store.observations.days("flight-delay")] == [9, 3]
    assert store.observations.days("flight-delay", since=1, until=86_400) == []
    assert len(store.observations.days("flight-delay", since=86_400)) == 1
    assert len(store.observations.hours("flight-delay")) == 1


def test_a_metric_that_is_no_number_stays_one(store: Store) -> None:
    """A day without two classes has no AUC."""
    day = making.day(0)
    one = type(day)(
        **{name: getattr(day, name) for name in day.__struct_fields__ if name != "metrics"},
        metrics=(Metric(name="roc_auc", value=math.nan),),
    )
    store.observations.save(days=[one])
    (found,) = store.observations.days("flight-delay")
    assert math.isnan(found.metrics[0].value)


def test_what_cannot_be_kept_leaves_nothing_of_its_call(store: Store) -> None:
    """An hour beyond 64 bits: neither the hours before it nor the days are there."""
    with pytest.raises(StoreError):
        store.observations.save([making.hour(1), making.hour(2**63)], [making.day(0)])
    assert store.observations.hours("flight-delay") == []
    assert store.observations.days("flight-delay") == []


def test_a_year_of_hours_is_one_call(store: Store) -> None:
    """Of two versions: 17,520 rows, written twice."""
    hours = [making.hour(at, version=one) for at in range(8760) for one in ("v1", "v2")]
    for _ in range(2):
        store.observations.save(hours)
    assert store.observations.hours("flight-delay") == hours


def test_writers_of_the_same_hours_never_wait_in_a_ring(store: Store) -> None:
    """Four threads, each with the hours in another order."""
    errors: list[BaseException] = []

    def write(order: int) -> None:
        try:
            hours = [making.hour(at, rows=order) for at in range(200)]
            for _ in range(5):
                store.observations.save(hours if order % 2 else hours[::-1])
        except BaseException as error:  # noqa: BLE001 (told to the test)
            errors.append(error)

    threads = [threading.Thread(target=write, args=(order,)) for order in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    found = store.observations.hours("flight-delay")
    assert len(found) == 200
    assert len({one.rows for one in found}) == 1  # each call is there as a whole
