from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import NotFoundError
from lapwise.store.model import Store
from lapwise.store.staging import Staging


def folder(store: Store) -> Path:
    return store.blobs.uploads().staging()._folder


def left(store: Store) -> list[str]:
    place = folder(store)
    return sorted(path.name for path in place.iterdir()) if place.is_dir() else []


def test_what_is_kept_is_a_blob_under_the_digest_of_what_came(store: Store) -> None:
    pieces = [b"a" * 100_000, b"", b"b" * 3]
    with store.blobs.uploads().staging().open() as staged:
        for piece in pieces:
            staged.write(piece)
        assert staged.digest() == digest_bytes(b"".join(pieces))
        digest = staged.keep()
    assert staged.size == 100_003
    assert store.blobs.get(digest) == b"".join(pieces)
    assert left(store) == []


def test_what_is_there_already_is_kept_once(store: Store) -> None:
    digest = store.blobs.put(b"same")
    with store.blobs.uploads().staging().open() as staged:
        staged.write(b"same")
        assert staged.keep() == digest
    assert list(store.blobs.digests()) == [digest]


def test_what_is_not_kept_is_gone(store: Store) -> None:
    with store.blobs.uploads().staging().open() as staged:
        staged.write(b"abc")
    with suppress(RuntimeError), store.blobs.uploads().staging().open() as staged:
        staged.write(b"abc")
        raise RuntimeError("the sender went away")
    assert left(store) == []
    assert list(store.blobs.digests()) == []


def test_parts_are_put_together_in_their_order(store: Store) -> None:
    staging = store.blobs.uploads().staging()
    upload, other = staging.begin(), staging.begin()
    for number, content in ((2, b"two"), (1, b"wrong"), (3, b"three"), (1, b"one")):
        with staging.part(upload, number) as staged:
            staged.write(content)
    with staging.part(other, 1) as staged:
        staged.write(b"other")
    digest, size = staging.join(upload, [1, 2, 3])
    assert store.blobs.get(digest) == b"onetwothree"
    assert size == 11
    assert left(store) == [f"part-{other}-00001"]
    staging.drop(other)
    assert left(store) == []


def test_a_part_that_was_cut_is_no_part(store: Store) -> None:
    staging = store.blobs.uploads().staging()
    upload = staging.begin()
    with suppress(RuntimeError), staging.part(upload, 1) as staged:
        staged.write(b"hal")
        raise RuntimeError("the sender went away")
    assert left(store) == []
    with pytest.raises(NotFoundError, match="parts of an upload did not come"):
        staging.join(upload, [1])


@pytest.mark.parametrize("upload", ["", "..", "../../x", "a" * 25, "a" * 27, "A" * 26, "*" * 26])
def test_an_upload_is_named_by_its_id_and_by_nothing_else(tmp_path: Path, upload: str) -> None:
    staging = Staging(tmp_path / "uploads", lambda path, digest: path.unlink())
    with pytest.raises(NotFoundError, match="no such upload"):
        staging.drop(upload)
    with pytest.raises(NotFoundError, match="no such upload"):
        staging.join(upload, [1])
    with pytest.raises(NotFoundError, match="no such upload"), staging.part(upload, 1):
        pass
    assert not list(tmp_path.iterdir())
