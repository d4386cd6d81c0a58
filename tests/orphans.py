"""What the tests start ends with them, however they end: a process of its own waits for that.

All that is started inherits a mark in its environment. When pytest is killed, whoever bears the mark is
killed too; when it ends well, whoever still bears it was forgotten by a test, and is told of.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

MARK = "TESTS_OF"
_PATIENCE = 10.0
_ROUNDS = 3
_OF_PYTHON = "multiprocessing.resource_tracker"  # it ends with the interpreter that started it


def watch() -> subprocess.Popen[bytes]:
    """Mark all that this process starts from now on; what is returned kills it when this one is gone."""
    unmarked = dict(os.environ)
    os.environ[MARK] = mark = str(os.getpid())
    return subprocess.Popen(
        [sys.executable, __file__, mark],
        stdin=subprocess.PIPE,
        env=unmarked,
        start_new_session=True,  # Ctrl-C is for the tests
    )


def mark() -> dict[str, str]:
    """Return what a process must have in its environment that is given one of its own."""
    return {MARK: os.environ[MARK]} if MARK in os.environ else {}


def folder() -> Path:
    """Make a folder with a short path that goes when the tests are gone."""
    # Not where TMPDIR says: the path of a socket may have about 100 characters.
    return Path(tempfile.mkdtemp(prefix=f"lw-{os.environ.get(MARK, '0')}-", dir="/tmp"))


def left(patience: float = _PATIENCE) -> list[str]:
    """Return the command line of each process that still lives and that some test has started.

    Args:
        patience: how many seconds one may take to end.
    """
    deadline = time.monotonic() + patience
    while alive := _marked(os.environ[MARK]):
        if time.monotonic() > deadline:
            return [f"{one.pid}: {_words(one)}" for one in alive]
        time.sleep(0.1)
    return []


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "it has just ended"


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and _OF_PYTHON not in _words(process):
                found.append(process)
        except (psutil.Error, OSError):
            continue  # of somebody else, or it has just ended
    return found


def _bury(mark: str) -> None:
    """Kill what bears a mark, and what it started meanwhile."""
    for _ in range(_ROUNDS):
        for process in _marked(mark):
            try:
                process.kill()
            except psutil.Error:
                continue
        time.sleep(0.05)
    for path in Path("/tmp").glob(f"lw-{mark}-*"):
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.buffer.read()  # until nobody holds the other end
    _bury(sys.argv[1])
