"""Every list goes on where a page ended, and stays what it was when newer records come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest

from lapwise.core.errors import NotFoundError
from lapwise.store.model import Store
from tests.store.making import act, alarm, dataset, deployment, lap, rollout, version

List = Callable[..., Sequence[Any]]


def fill(store: Store) -> None:
    """Keep seven of each kind, of two products in turns."""
    for number in range(7):
        name = "ab"[number % 2]
        store.laps.create(lap(name))
        store.models.add(version(name, content=f"{name}{number}"), act())
        store.datasets.add(dataset(name, f"rows {number}"))
        store.alarms.add(alarm(name, at=number // 3))
        opened = store.rollouts.create(rollout(name))
        store.rollouts.update(msgspec.structs.replace(opened, phase="aborted"), seen=opened)


def pages(list_: List, *named: str) -> list[Any]:
    found: list[Any] = []
    while page := list_(*named, limit=2, after=found[-1].id if found else ""):
        found += page
    return found


@pytest.mark.parametrize("named", [(), ("a",)])
def test_pages_are_the_whole(store: Store, named: tuple[str, ...]) -> None:
    fill(store)
    nouns: tuple[Any, ...] = (
        store.laps, store.models, store.datasets, store.alarms, store.rollouts
    )  # fmt: skip
    for noun in nouns:
        whole = list(noun.list(*named))
        assert len(whole) == (4 if named else 7)
        assert pages(noun.list, *named) == whole


def test_a_newer_record_moves_no_page(store: Store) -> None:
    fill(store)
    first = store.laps.list(limit=2)
    rest = store.laps.list(after=first[-1].id)
    store.laps.create(lap("a"))
    assert store.laps.list(after=first[-1].id) == rest


def test_a_record_that_is_not_there(store: Store) -> None:
    with pytest.raises(NotFoundError, match="to go on after"):
        store.laps.list(after="nobody")


def test_deployments_go_on_below_a_revision(store: Store) -> None:
    kept = [store.deployments.add(deployment(production=f"v{number}")) for number in range(4)]
    newest = store.deployments.list(kept[0].model, limit=2)
    assert [one.revision for one in newest] == [4, 3]
    rest = store.deployments.list(kept[0].model, below=newest[-1].revision)
    assert [one.revision for one in rest] == [2, 1]
