"""Versions of tables, on both databases."""

from __future__ import annotations

import pytest

from lapwise.core.errors import NotFoundError
from lapwise.store.model import FileStamp, Store
from tests.store import making


def test_versions_are_numbered_in_their_table(store: Store) -> None:
    """Each table counts its own versions from one."""
    numbers = [
        store.datasets.add(making.dataset(table, content)).number
        for table, content in [("flights", "a"), ("flights", "b"), ("weather", "a")]
    ]
    assert numbers == [1, 2, 1]


def test_equal_content_is_one_version(store: Store) -> None:
    """Adding the same table and digest again returns the version that is there."""
    first = store.datasets.add(making.dataset())
    assert store.datasets.add(making.dataset()) == first
    assert len(store.datasets.list()) == 1


def test_a_version_is_found_by_every_name_it_has(store: Store) -> None:
    """Id, digest, table@vN and table (the latest) find it, whole."""
    old, new = (store.datasets.add(making.dataset(content=text)) for text in "ab")
    for reference in (old.id, old.digest, "flights@v1", "flights@1"):
        assert store.datasets.get(reference) == old
    assert store.datasets.get("flights") == new


def test_versions_are_listed_newest_first(store: Store) -> None:
    """A list is of one table or of all, newest first, cut at the limit."""
    for table, content in [("flights", "a"), ("weather", "a"), ("flights", "b")]:
        store.datasets.add(making.dataset(table, content))
    assert [one.number for one in store.datasets.list("flights")] == [2, 1]
    assert len(store.datasets.list(limit=2)) == 2


@pytest.mark.parametrize(
    ("reference", "near"), [("fligths", "flights"), ("flights@v9", "flights@v1")]
)
def test_a_wrong_name_says_the_near_ones(store: Store, reference: str, near: str) -> None:
    """Who mistypes is told what there is."""
    store.datasets.add(making.dataset())
    with pytest.raises(NotFoundError, match=near) as caught:
        store.datasets.get(reference)
    assert caught.value.value == reference


def test_stamps_are_remembered_and_replaced(store: Store) -> None:
    """A file's last stamp is remembered, inodes of 64 bits included; unknown paths are absent."""
    stamps = [
        FileStamp(f"/data/{index}", index, 2**62 + index, 2**64 - 1, making.digest(str(index)))
        for index in range(1200)
    ]
    store.datasets.remember(stamps)
    newer = FileStamp("/data/7", 70, 71, 72, making.digest("newer"))
    store.datasets.remember([newer, newer])
    store.datasets.remember([])
    found = store.datasets.stamps([*(stamp.path for stamp in stamps), "/data/none"])
    assert found == {stamp.path: stamp for stamp in [*stamps, newer]}
