"""What only files can suffer: damage, full disks, wrong permissions, killed writers."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import CorruptError, NotFoundError, StorageFullError, StoreError
from lapwise.store.blobs_local import LocalBlobs


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


def damage(path: Path, content: bytes) -> None:
    """Change a read-only file's bytes, as a bad disk would."""
    path.chmod(0o644)
    path.write_bytes(content)


def test_a_blob_is_a_read_only_file_under_two_characters(blobs: LocalBlobs) -> None:
    """So that no folder grows long and nobody overwrites one by mistake."""
    path = blobs.path(blobs.put(b"hello"))
    assert path.parent.name == path.name[:2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o444


def test_nothing_temporary_is_left(blobs: LocalBlobs, tmp_path: Path) -> None:
    """After puts of every kind, the folder holds blobs and nothing else."""
    (tmp_path / "file").write_bytes(b"x")
    blobs.put(b"a")
    blobs.put_file(tmp_path / "file")
    blobs.anchor("a", b"b")
    assert list((blobs.root / "tmp").iterdir()) == []


def test_a_damaged_blob_is_found(blobs: LocalBlobs) -> None:
    """Reading it as bytes or as a file names the digest and the command that helps."""
    digest = blobs.put(b"hello")
    damage(blobs.location(digest), b"jello")
    for read in (blobs.get, LocalBlobs(blobs.root).path):
        with pytest.raises(CorruptError, match=digest) as caught:
            read(digest)
        assert "lapwise doctor" in caught.value.fix


@pytest.mark.parametrize("content", [b"jello", b"hell", b""])
def test_a_damaged_blob_is_replaced_when_its_content_comes_again(
    blobs: LocalBlobs, content: bytes, tmp_path: Path
) -> None:
    """Whether it is shorter or only different; by bytes and by file."""
    digest = blobs.put(b"hello")
    damage(blobs.location(digest), content)
    assert LocalBlobs(blobs.root).put(b"hello") == digest
    assert blobs.get(digest) == b"hello"
    damage(blobs.location(digest), content)
    (tmp_path / "file").write_bytes(b"hello")
    LocalBlobs(blobs.root).put_file(tmp_path / "file", expected=digest)
    assert blobs.get(digest) == b"hello"


def test_the_same_content_again_writes_nothing(blobs: LocalBlobs) -> None:
    """The file that is there stays the same file."""
    digest = blobs.put(b"hello")
    before = blobs.location(digest).stat()
    LocalBlobs(blobs.root).put(b"hello")
    after = blobs.location(digest).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_content_that_comes_again_is_young_again(blobs: LocalBlobs) -> None:
    """Its record is yet to come, so garbage collection must see that somebody wants it."""
    digest = blobs.put(b"hello")
    os.utime(blobs.location(digest), (1, 1))
    blobs.put(b"hello")
    assert blobs.location(digest).stat().st_mtime > 1_000_000
    assert blobs.remove_older(digest, 1_000_000_000_000) is None
    assert blobs.get(digest) == b"hello"


def test_an_unreadable_source_is_an_error(blobs: LocalBlobs, tmp_path: Path) -> None:
    """A file to keep that does not exist is named."""
    with pytest.raises(NotFoundError, match="absent"):
        blobs.put_file(tmp_path / "absent")
    (tmp_path / "folder").mkdir()
    with pytest.raises(NotFoundError, match="folder"):
        blobs.put_file(tmp_path / "folder")


FULL = """
import resource, sys
from pathlib import Path
from lapwise.core.errors import StorageFullError
from lapwise.store.blobs_local import LocalBlobs
blobs, source = LocalBlobs(Path(sys.argv[1])), Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for put in (lambda: blobs.put(b"x" * 200_000), lambda: blobs.put_file(source)):
    try:
        put()
    except StorageFullError as error:
        print(error.thing)
assert blobs.put(b"small")
"""


def test_a_full_disk_leaves_nothing_behind(blobs: LocalBlobs, tmp_path: Path) -> None:
    """A limit on the size of files stops both ways to put; the store goes on working."""
    source = tmp_path / "big"
    source.write_bytes(b"y" * 9_000_000)
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL, str(blobs.root), str(source)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cannot be written") == 2
    assert list((blobs.root / "tmp").iterdir()) == []
    assert list(blobs.digests()) == [digest_bytes(b"small")]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A file where the folder should be, or no permission, is one clear error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        LocalBlobs(tmp_path / "file").put(b"x")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    if os.geteuid() != 0:  # root may write everywhere
        with pytest.raises(StorageFullError, match="closed"):
            LocalBlobs(closed / "blobs").put(b"x")


MEMORY = """
import sys
from pathlib import Path
from lapwise.store.blobs_local import LocalBlobs
def peak():  # getrusage begins with the peak of the process that started this one
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
blobs = LocalBlobs(Path(sys.argv[1]))
blobs.put(b"warm")
before = peak()
digest = blobs.put_file(Path(sys.argv[2]))
LocalBlobs(blobs.root).path(digest)
print(peak() - before)
"""


def test_a_large_file_takes_constant_memory(blobs: LocalBlobs, tmp_path: Path) -> None:
    """A file of 200 MB is kept and checked in less than 32 MB."""
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(200_000_000)
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(blobs.root), str(source)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) < 32_000
