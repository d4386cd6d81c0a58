"""Other records by kind and digest, on both databases."""

from __future__ import annotations

import math

import pytest

from lapwise.core.errors import NotFoundError
from lapwise.core.model import Metric, Tag
from lapwise.store.model import Store
from tests.store import making


def test_a_record_is_kept_once(store: Store) -> None:
    """The first record under a kind and digest stays as it is."""
    digest = making.digest("x")
    store.records.add("tag", digest, Tag(name="a", value="1"))
    store.records.add("tag", digest, Tag(name="a", value="2"))
    assert store.records.get("tag", digest, Tag) == Tag(name="a", value="1")


def test_a_record_with_nan_is_read_back(store: Store) -> None:
    """JSON has no NaN; the store has."""
    digest = making.digest("x")
    store.records.add("metric", digest, Metric(name="auc", value=math.nan))
    found = store.records.get("metric", digest, Metric)
    assert isinstance(found, Metric)
    assert math.isnan(found.value)


def test_digests_come_oldest_first(store: Store) -> None:
    """In the order of adding, each kind for itself."""
    digests = [making.digest(text) for text in "cab"]
    for digest in digests:
        store.records.add("tag", digest, Tag(name="a", value="1"))
    assert list(store.records.digests("tag")) == digests
    assert list(store.records.digests("other")) == []


def test_a_record_that_is_not_there_is_an_error(store: Store) -> None:
    """The kind and the digest are named."""
    with pytest.raises(NotFoundError, match="tag"):
        store.records.get("tag", making.digest("x"), Tag)
