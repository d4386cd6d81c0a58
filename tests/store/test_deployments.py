"""Which versions answer, on both databases."""

from __future__ import annotations

import msgspec

from lapwise.store.model import Store
from tests.store import making


def test_revisions_count_in_their_model(store: Store) -> None:
    """Each model counts for itself; the last is in force, and lists come newest first."""
    names = [("a", "v1"), ("b", "v1"), ("a", "v2"), ("a", "v1")]
    added = [store.deployments.add(making.deployment(*name)) for name in names]
    assert [one.revision for one in added] == [1, 1, 2, 3]
    assert store.deployments.newest("a") == added[3]
    assert store.deployments.newest("b") == added[1]
    assert store.deployments.newest("c") is None
    assert store.deployments.list("a") == [added[3], added[2], added[0]]
    assert store.deployments.list() == added[::-1]
    assert store.deployments.list("a", limit=1) == store.deployments.list(limit=1) == [added[3]]


def test_the_same_deployment_again_is_the_one_in_force(store: Store) -> None:
    """Another time and another reason make no new revision; another weight does."""
    first = store.deployments.add(making.deployment(weight=1000))
    again = msgspec.structs.replace(making.deployment(weight=1000), at=9, reason="said again")
    assert store.deployments.add(again) == first == store.deployments.newest(first.model)
    assert store.deployments.add(first) == first
    assert store.deployments.add(making.deployment(weight=5000)).revision == 2
    assert store.deployments.add(again).revision == 3
