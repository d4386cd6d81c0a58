"""Small files that are whole at every moment, whoever dies or reads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lapwise.core.errors import StorageFullError, StoreError
from lapwise.store.durable import write_file

WRITE = """
import sys
from pathlib import Path
from lapwise.store.durable import write_file
path, number = Path(sys.argv[1]), 0
while True:
    number += 1
    write_file(path, f"{number} ".encode() * 50_000)
"""

FULL = """
import resource, sys
from pathlib import Path
from lapwise.core.errors import StorageFullError
from lapwise.store.durable import write_file
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_file(Path(sys.argv[1]), b"x" * 2000)
except StorageFullError as error:
    print(error.thing)
"""


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    """Nothing else is in the folder, and others may read it."""
    for content in (b"one", b"", b"another"):
        write_file(tmp_path / "file.json", content)
        assert (tmp_path / "file.json").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file.json"]
    mask = os.umask(0o022)
    os.umask(mask)
    assert (tmp_path / "file.json").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_reader_and_a_kill_find_it_whole(tmp_path: Path) -> None:
    """Read while it is written again and again, and after its writer was killed."""
    path = tmp_path / "file"
    writer = subprocess.Popen([sys.executable, "-c", WRITE, str(path)])
    try:
        seen: set[bytes] = set()
        until = time.monotonic() + 60
        while len(seen) < 5:
            assert time.monotonic() < until
            if path.exists():
                words = path.read_bytes().split()
                assert len(words) == 50_000
                assert len(set(words)) == 1
                seen.add(words[0])
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert len(set(path.read_bytes().split())) == 1
    write_file(path, b"the next writer is not in the way of what was left")
    assert path.read_bytes().startswith(b"the next")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """One clear error, and no half of the new one beside it."""
    write_file(tmp_path / "file", b"old")
    done = subprocess.run(
        [sys.executable, "-B", "-c", FULL, str(tmp_path / "file")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "cannot be written" in done.stdout
    assert (tmp_path / "file").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    """It is not made: whoever writes there says where."""
    with pytest.raises(StoreError, match="folder") as caught:
        write_file(tmp_path / "none" / "file", b"x")
    assert not isinstance(caught.value, StorageFullError)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file"):
        write_file(tmp_path / "file" / "below", b"x")
