"""Experiments whose names are numbers."""

from __future__ import annotations

from lapwise.store.experiment_names import experiment_named
from lapwise.store.model import Store


def test_a_name_of_digits_is_never_taken_for_a_number(store: Store) -> None:
    two = store.experiments.create("2", at=1)
    other = store.experiments.create("other", at=1)
    assert (two.number, other.number) == (1, 2)
    assert experiment_named(store, "2") == two
    assert experiment_named(store, "other") == other
    assert experiment_named(store, "1") is None
    assert experiment_named(store, "none") is None
    gone = store.experiments.update(two.number, at=2, archived=True)
    assert experiment_named(store, "2") == gone
