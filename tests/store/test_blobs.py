"""Bytes by digest, on a local disk and in an object store."""

from __future__ import annotations

from pathlib import Path

import pytest

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import ConflictError, CorruptError, DeclarationError, NotFoundError
from lapwise.store.model import Blobs, Store
from tests.store import making


@pytest.fixture
def blobs(store: Store) -> Blobs:
    return store.blobs


@pytest.mark.parametrize("content", [b"", b"hello", bytes(range(256)) * 40_000])
def test_bytes_come_back(blobs: Blobs, content: bytes) -> None:
    """By digest, as bytes and as a file, from nothing to more than one chunk."""
    digest = blobs.put(content)
    assert digest == digest_bytes(content)
    assert blobs.get(digest) == blobs.path(digest).read_bytes() == content
    assert blobs.has(digest)
    assert blobs.size(digest) == len(content)


def test_a_file_comes_back(blobs: Blobs, tmp_path: Path) -> None:
    """With and without its digest said, from a path with a space."""
    source = tmp_path / "a file"
    source.write_bytes(b"x" * 9_000_000)
    digest = digest_bytes(source.read_bytes())
    assert blobs.put_file(source) == blobs.put_file(source, expected=digest) == digest
    assert blobs.path(digest).read_bytes() == source.read_bytes()


def test_a_file_that_is_not_what_was_expected_is_refused(blobs: Blobs, tmp_path: Path) -> None:
    """Nothing is kept under either digest."""
    source = tmp_path / "file"
    source.write_bytes(b"changed")
    with pytest.raises(CorruptError):
        blobs.put_file(source, expected=making.digest("original"))
    assert list(blobs.digests()) == []


def test_the_same_content_is_kept_once(blobs: Blobs) -> None:
    """Digests are listed once, and a removed blob is gone."""
    digests = {blobs.put(content) for content in (b"a", b"b", b"a")}
    assert sorted(blobs.digests()) == sorted(digests)
    blobs.remove(digest_bytes(b"a"))
    blobs.remove(digest_bytes(b"a"))
    assert list(blobs.digests()) == [digest_bytes(b"b")]
    assert not blobs.has(digest_bytes(b"a"))


@pytest.mark.parametrize("digest", ["0" * 64, "../../etc/passwd", ""])
def test_what_is_not_there_is_an_error(blobs: Blobs, digest: str) -> None:
    """Also what is no digest at all, which never becomes a path."""
    for read in (blobs.get, blobs.path, blobs.size):
        with pytest.raises(NotFoundError):
            read(digest)


def test_an_anchor_is_written_once(blobs: Blobs) -> None:
    """The same bytes again are fine, others are refused, and the first stay."""
    blobs.anchor("head-1", b"one")
    blobs.anchor("head-1", b"one")
    with pytest.raises(ConflictError, match="head-1"):
        blobs.anchor("head-1", b"two")
    blobs.anchor("head-2", b"two")
    assert blobs.anchors() == {"head-1": b"one", "head-2": b"two"}
    with pytest.raises(DeclarationError):
        blobs.anchor("../head", b"x")
    assert list(blobs.digests()) == []
