"""What only an object store can suffer."""

from __future__ import annotations

from pathlib import Path

import obstore
import pytest

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import CorruptError, NotFoundError, StoreError
from lapwise.store.blobs_object import ObjectBlobs
from tests.store.conftest import Place


@pytest.fixture
def blobs(postgresql_place: Place, tmp_path: Path) -> ObjectBlobs:
    return ObjectBlobs(postgresql_place.blobs, tmp_path / "blob-cache")


def overwrite(blobs: ObjectBlobs, digest: str, content: bytes) -> None:
    """Change an object behind the store's back."""
    obstore.put(blobs._store, f"{digest[:2]}/{digest}", content)


def test_a_damaged_object_is_found(blobs: ObjectBlobs) -> None:
    """As bytes and as a file, and the cache keeps nothing of it."""
    digest = blobs.put(b"hello")
    overwrite(blobs, digest, b"jello")
    for read in (blobs.get, blobs.path):
        with pytest.raises(CorruptError, match=digest):
            read(digest)
    assert list(blobs._cache.digests()) == []


def test_an_object_of_the_wrong_size_is_replaced(blobs: ObjectBlobs) -> None:
    """When its content comes again."""
    digest = blobs.put(b"hello")
    overwrite(blobs, digest, b"hell")
    blobs.put(b"hello")
    assert blobs.get(digest) == b"hello"


def test_a_file_is_fetched_once(blobs: ObjectBlobs) -> None:
    """The second reading needs no object store; a damaged cache is fetched anew."""
    digest = blobs.put(b"hello")
    path = blobs.path(digest)
    blobs.remove(digest)
    assert blobs.path(digest) == path
    blobs.put(b"hello")
    path.chmod(0o644)
    path.write_bytes(b"jello")
    assert blobs.path(digest).read_bytes() == b"hello"


def test_a_bucket_that_is_not_there_is_an_error(s3_settings: None, tmp_path: Path) -> None:
    """The first write says so, in one error of ours."""
    blobs = ObjectBlobs("s3://nobody-has-this/x", tmp_path / "cache")
    with pytest.raises((StoreError, NotFoundError)):
        blobs.put(b"x")
    with pytest.raises(NotFoundError):
        blobs.get(digest_bytes(b"x"))
