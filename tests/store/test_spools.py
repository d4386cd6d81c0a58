from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import NotFoundError
from lapwise.store.model import Store
from lapwise.store.spools import Spools


def folder(store: Store) -> Path:
    return store.blobs.uploads().spools()._folder


def left(store: Store) -> list[str]:
    place = folder(store)
    return sorted(path.name for path in place.iterdir()) if place.is_dir() else []


def test_what_is_kept_is_a_blob_under_the_digest_of_what_came(store: Store) -> None:
    pieces = [b"a" * 100_000, b"", b"b" * 3]
    with store.blobs.uploads().spools().open() as spool:
        for piece in pieces:
            spool.write(piece)
        assert spool.digest() == digest_bytes(b"".join(pieces))
        digest = spool.keep()
    assert spool.size == 100_003
    assert store.blobs.get(digest) == b"".join(pieces)
    assert left(store) == []


def test_what_is_there_already_is_kept_once(store: Store) -> None:
    digest = store.blobs.put(b"same")
    with store.blobs.uploads().spools().open() as spool:
        spool.write(b"same")
        assert spool.keep() == digest
    assert list(store.blobs.digests()) == [digest]


def test_what_is_not_kept_is_gone(store: Store) -> None:
    with store.blobs.uploads().spools().open() as spool:
        spool.write(b"abc")
    with suppress(RuntimeError), store.blobs.uploads().spools().open() as spool:
        spool.write(b"abc")
        raise RuntimeError("the sender went away")
    assert left(store) == []
    assert list(store.blobs.digests()) == []


def test_parts_are_put_together_in_their_order(store: Store) -> None:
    spools = store.blobs.uploads().spools()
    upload, other = spools.begin(), spools.begin()
    for number, content in ((2, b"two"), (1, b"wrong"), (3, b"three"), (1, b"one")):
        with spools.part(upload, number) as spool:
            spool.write(content)
    with spools.part(other, 1) as spool:
        spool.write(b"other")
    digest, size = spools.join(upload, [1, 2, 3])
    assert store.blobs.get(digest) == b"onetwothree"
    assert size == 11
    assert left(store) == [f"part-{other}-00001"]
    spools.drop(other)
    assert left(store) == []


def test_a_part_that_was_cut_is_no_part(store: Store) -> None:
    spools = store.blobs.uploads().spools()
    upload = spools.begin()
    with suppress(RuntimeError), spools.part(upload, 1) as spool:
        spool.write(b"hal")
        raise RuntimeError("the sender went away")
    assert left(store) == []
    with pytest.raises(NotFoundError, match="parts of an upload did not come"):
        spools.join(upload, [1])


@pytest.mark.parametrize("upload", ["", "..", "../../x", "a" * 25, "a" * 27, "A" * 26, "*" * 26])
def test_an_upload_is_named_by_its_id_and_by_nothing_else(tmp_path: Path, upload: str) -> None:
    spools = Spools(tmp_path / "uploads", lambda path, digest: path.unlink())
    with pytest.raises(NotFoundError, match="no such upload"):
        spools.drop(upload)
    with pytest.raises(NotFoundError, match="no such upload"):
        spools.join(upload, [1])
    with pytest.raises(NotFoundError, match="no such upload"), spools.part(upload, 1):
        pass
    assert not list(tmp_path.iterdir())
