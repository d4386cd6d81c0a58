"""The process that answers for a candidate while it is measured."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import msgspec

from tests.loop.worlds import World


def test_ends_with_its_starter(world: World, tmp_path: Path) -> None:
    """It answers as long as whoever started it lives, and ends when that process is gone."""
    with world.workshop() as opened:
        version, project = opened.store.models.get("returns"), opened.project
    (tmp_path / "version.json").write_bytes(msgspec.json.encode(version))
    command = [sys.executable, "-m", "lapwise.loop.answer", str(tmp_path)]
    process = subprocess.Popen([*command, project.store, project.blobs], stdin=subprocess.PIPE)
    try:
        for _ in range(600):
            if (tmp_path / "port").exists() or process.poll() is not None:
                break
            time.sleep(0.05)
        assert int((tmp_path / "port").read_text()) > 0
        assert process.poll() is None
        assert process.stdin is not None
        process.stdin.close()  # as the kernel does for a process that was killed
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
