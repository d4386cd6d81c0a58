"""Files wait on the disk as they were, once each, and for no longer than needed."""

import os
import resource
from pathlib import Path

import pytest

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import NotFoundError, StorageFullError
from lapwise.store.model import Store
from lapwise.tracking.spool import Spool


def test_equal_files_wait_once(tmp_path: Path, store: Store) -> None:
    spool = Spool(tmp_path / "spool")
    (tmp_path / "a").write_bytes(b"same")
    assert spool.keep(b"same") == digest_bytes(b"same")
    assert spool.keep_file(tmp_path / "a") == (digest_bytes(b"same"), 4)
    assert [one.name for one in spool.folder.iterdir()] == [digest_bytes(b"same")]
    spool.bring(digest_bytes(b"same"), store.blobs)
    spool.forget(digest_bytes(b"same"))
    assert store.blobs.get(digest_bytes(b"same")) == b"same"
    spool.bring(digest_bytes(b"same"), store.blobs)  # another run names it, and the store has it
    with pytest.raises(NotFoundError, match="gone"):
        spool.bring(digest_bytes(b"other"), store.blobs)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        with pytest.raises(StorageFullError):
            spool.keep(b"x" * 100_000)
        with pytest.raises(StorageFullError):
            spool.keep_file(tmp_path / "a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(spool.folder.iterdir()) == []


def test_litter_is_tidied_after_an_hour(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.tidy()
    old, new = spool.keep(b"old"), spool.keep(b"new")
    os.utime(spool.folder / old, (0, 0))
    spool.tidy()
    assert [one.name for one in spool.folder.iterdir()] == [new]
