"""Where a number is one experiment and the name of another, only what is touched counts."""

from __future__ import annotations

import pytest

from lapwise.core.errors import AccessError, NotFoundError
from lapwise.core.model import Tag
from lapwise.server.access import bind
from lapwise.store.model import Store
from tests.server.access.rights import principal


def test_an_experiment_that_is_called_by_a_number_is_not_judged_as_that_number(
    sqlite_store: Store,
) -> None:
    mine = sqlite_store.experiments.create("2", at=1)
    others = sqlite_store.experiments.create("secret", at=1)
    assert (mine.number, others.number) == (1, 2)
    eve = bind(sqlite_store, principal("contributor", "2"))
    for touch in (
        lambda: eve.experiments.get("2"),
        lambda: eve.experiments.update(2, at=9, archived=True),
        lambda: eve.labels.set("experiment", "2", [Tag(name="a", value="b")]),
        lambda: eve.labels.of("experiment", ["2"]),
    ):
        with pytest.raises(AccessError):
            touch()
    eve.labels.set("experiment", "1", [Tag(name="a", value="b")])
    assert eve.experiments.update(1, at=9, archived=True).archived
    assert not sqlite_store.experiments.get("2").archived


def test_a_number_that_no_experiment_has_is_not_judged_by_a_name(sqlite_store: Store) -> None:
    """Another's experiment may get the number a moment later."""
    sqlite_store.experiments.create("7", at=1)
    eve = bind(sqlite_store, principal("contributor", "7"))
    with pytest.raises(NotFoundError):
        eve.experiments.update(7, at=9, archived=True)
    with pytest.raises(NotFoundError):
        eve.labels.set("experiment", "7", [Tag(name="a", value="b")])
