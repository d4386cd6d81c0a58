"""The cache of step results, on both databases."""

from __future__ import annotations

import msgspec

from lapwise.store.model import Store
from tests.store import making


def test_a_result_is_found_by_its_key(store: Store) -> None:
    """What was added is read back; an unknown key is None, not an error."""
    result = store.steps.add(making.step("k"))
    assert store.steps.get(result.key) == result
    assert store.steps.get(making.digest("other")) is None


def test_the_first_of_two_results_for_a_key_is_kept(store: Store) -> None:
    """Who comes second gets what the first one made."""
    first = store.steps.add(making.step("k"))
    second = msgspec.structs.replace(first, seconds=99.0)
    assert store.steps.add(second) == first == store.steps.get(first.key)


def test_the_newest_result_of_a_step_is_found_by_name(store: Store) -> None:
    """By name comes the one added last."""
    store.steps.add(making.step("a", "train"))
    newest = store.steps.add(making.step("b", "train"))
    store.steps.add(making.step("c", "evaluate"))
    assert store.steps.last("train") == newest
    assert store.steps.last("unknown") is None
