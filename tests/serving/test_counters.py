"""Counts of many processes add up, whatever becomes of the processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from lapwise.serving.counters import Counters, totals

VICTIM = """
import os, sys
from pathlib import Path
from lapwise.serving.counters import Counters
counters = Counters(Path(sys.argv[1]))
for _ in range(1000):
    counters.add(1, "rows", "v1")
counters.put(1, "busy")
os.kill(os.getpid(), 9)
"""


def test_counts_add_up_and_outlive_kill_9(tmp_path: Path) -> None:
    mine = Counters(tmp_path)
    mine.add(5, "rows", "v1")
    mine.add(7, "rows", "v2")
    mine.put(1, "busy")
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", VICTIM, str(tmp_path)], check=False)
        assert done.returncode == -signal.SIGKILL
    assert totals(tmp_path) == {("rows", "v1"): 2005, ("rows", "v2"): 7, ("busy",): 3}
    assert totals(tmp_path, dead=True) == {("rows", "v1"): 2000, ("busy",): 2}
    assert mine.totals() == {("rows", "v1"): 5, ("rows", "v2"): 7, ("busy",): 1}


def test_what_finds_no_room_is_counted_together() -> None:
    counters = Counters()
    for place in range(5_000):
        counters.add(1, "unseen", str(place))
    found = counters.totals()
    assert len(found) == 4_096
    assert found[("overflow",)] == 5_000 - 4_095
