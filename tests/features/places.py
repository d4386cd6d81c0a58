"""Places that keep the online store's bytes, and processes that write to them."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

from lapwise.features.online.backend import Backend, Writer
from lapwise.features.online.backends.lmdb import LmdbBackend
from lapwise.features.online.backends.redis import RedisBackend


def open_place(place: str) -> Backend:
    """Open a place; a writer that dies on Redis keeps the others waiting for half a second."""
    return RedisBackend.open(place, expiry=0.5) if "://" in place else LmdbBackend.open(Path(place))


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a process that has ``open_place`` and whatever the code says."""
    head = "import sys, time\nfrom tests.features.places import *\n"
    return subprocess.Popen(
        [sys.executable, "-c", head + textwrap.dedent(code), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line that a process prints."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(process: subprocess.Popen[str]) -> str:
    """Kill a process and return what it printed."""
    process.kill()
    return process.communicate()[0]


def put(backend: Backend, **values: str) -> None:
    """Keep some values."""

    def work(writer: Writer) -> None:
        for key, value in values.items():
            writer.put(key.encode(), value.encode())

    backend.write(work)


def count_up(writer: Writer) -> int:
    """Add one to each of a few counters, which so are always equal."""
    keys = [b"n%d" % i for i in range(20)]
    number = int(writer.get(keys)[0] or 0) + 1
    for key in keys:
        writer.put(key, b"%d" % number)
    return number


def counted(backend: Backend) -> int:
    """Return what the counters say, which must be one number."""
    values = set(backend.read([b"n%d" % i for i in range(20)]))
    assert len(values) == 1, values
    return int(values.pop() or 0)
