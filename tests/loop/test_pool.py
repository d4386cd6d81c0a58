"""Processes of a pool answer in order, die loudly, and never outlive whoever asks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from lapwise.core.errors import DeclarationError
from lapwise.loop.pool import ProcessPool

MODULE = """
import os, signal, time

def double(argument):
    time.sleep(0.05 if argument == b"slow" else 0)
    return argument * 2

def die(argument):
    if argument == b"die":
        os.kill(os.getpid(), signal.SIGKILL)
    if argument == b"raise":
        raise ValueError("what it said last")
    return argument

def wait(argument):
    time.sleep(0 if argument == b"now" else 60)
    return argument
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a module of one's own."""
    (tmp_path / "work_of_a_pool.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_answers_come_in_order(work: Path) -> None:
    """However long each takes; any bytes will do."""
    from work_of_a_pool import double  # type: ignore[import-not-found]

    arguments = [b"slow", b"", b"\n=\x00\xff", *(bytes([number]) for number in range(40))]
    with ProcessPool(2) as pool:
        assert list(pool.map(double, arguments)) == [argument * 2 for argument in arguments]
        assert list(pool.map(double, [])) == []


def test_a_death_is_an_error_and_the_pool_goes_on(work: Path) -> None:
    """It has the last words of the process, if there were any."""
    from work_of_a_pool import die

    with ProcessPool(2) as pool:
        with pytest.raises(ChildProcessError, match="killed"):
            list(pool.map(die, [b"a", b"die", b"b", b"c"]))
        with pytest.raises(ChildProcessError, match="what it said last"):
            list(pool.map(die, [b"raise"]))
        assert list(pool.map(die, [b"a", b"b"])) == [b"a", b"b"]


def test_whoever_stops_asking_does_not_wait(work: Path) -> None:
    """Processes that still work are killed when the iteration ends."""
    from work_of_a_pool import wait

    begun = time.monotonic()
    with ProcessPool(2) as pool:
        answers = pool.map(wait, [b"now", b"later", b"later", b"later"])
        assert next(answers) == b"now"
        answers.close()
    assert time.monotonic() - begun < 30
    assert not children(os.getpid())


def children(process: int) -> list[psutil.Process]:
    """Return the processes of pools that belong to a process."""
    return [
        child
        for child in psutil.Process(process).children()
        if "lapwise.loop.pooled" in " ".join(child.cmdline())
    ]


SCRIPT = """
from lapwise.loop.pool import ProcessPool
from work_of_a_pool import double, wait
print("once", flush=True)
pool = ProcessPool(2)
print(b"".join(pool.map(double, [b"a", b"b"])), flush=True)
next(pool.map(wait, [b"a", b"b"]))
"""


def test_a_script_needs_no_guard_and_its_workers_die_with_it(work: Path) -> None:
    """Nothing of the script runs twice, and kill -9 leaves no orphan."""
    (work / "script.py").write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, "script.py"], stdout=subprocess.PIPE, text=True, cwd=work
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "once\n"
    assert process.stdout.readline() == "b'aabb'\n"
    orphans = children(process.pid)
    assert orphans
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not psutil.wait_procs(orphans, timeout=10)[1]


def test_a_pool_has_workers() -> None:
    """None is refused."""
    with pytest.raises(DeclarationError, match="no workers: 0"):
        ProcessPool(0)
