"""Start a supervised server on toys, ask it, and look at its processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from lapwise.core.prediction import Answered, LogEntry
from lapwise.serving import LogReader, log_folder

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("live_server.py")
INFER = "/v2/models/flight-delay/infer"


def until(true: Callable[[], Any], seconds: float = 30.0, what: str = "it") -> Any:
    """Wait until something is so, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < deadline, f"{what} did not come within {seconds} s"
        time.sleep(0.01)
    return found


class Server:
    """A supervisor with its workers."""

    def __init__(self, folder: Path, *, workers: int = 1, replay: bool = False) -> None:
        self.folder = folder
        port_file = folder / "port"
        port_file.unlink(missing_ok=True)
        command = [sys.executable, str(SCRIPT), "supervise", str(folder), str(port_file)]
        self.process = subprocess.Popen(
            [*command, str(workers), *(["--replay"] if replay else [])],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        until(port_file.exists, what="the port")
        self.port = int(port_file.read_text())
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = httpx.Client(base_url=self.url, timeout=30)
        until(lambda: self.ready, what="an answer")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        self.stop()

    @property
    def ready(self) -> bool:
        """Whether it answers, be it that no version is served."""
        with suppress(httpx.HTTPError):
            return self.client.get("/v2/health/live").status_code == 200
        return False

    def ask(self, inputs: list[Any], **more: Any) -> httpx.Response:
        """Send an infer request."""
        body = msgspec.json.encode({"inputs": inputs, **more})
        return self.client.post(INFER, content=body)

    def outputs(self, inputs: list[Any], **more: Any) -> dict[str, list[Any]]:
        """Return the outputs of a request that must be answered, by name."""
        answer = self.ask(inputs, **more)
        assert answer.status_code == 200, answer.text
        return {one["name"]: one["data"] for one in answer.json()["outputs"]}

    def deployment(self) -> Any:
        """Return what the server says of its deployment."""
        return self.client.get("/deployment").json()

    def follow(self, revision: int) -> None:
        """Wait until it answers by a revision."""
        until(lambda: self.deployment()["revision"] == revision, what=f"revision {revision}")

    def log(self) -> list[LogEntry]:
        """Return what was logged so far."""
        return LogReader(log_folder(self.folder)).read()

    def answered(self) -> list[Answered]:
        """Return what was logged of requests, without what shadows answered."""
        return [one for one in self.log() if isinstance(one, Answered) and not one.shadow]

    def pids(self, role: str) -> list[int]:
        """Return the processes of a role that live."""
        found = [int(p.stem.partition("-")[2]) for p in self.folder.glob(f"{role}-*.pid")]
        return [pid for pid in found if alive(pid)]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)


def ask_until_answered(client: httpx.Client, body: bytes) -> tuple[httpx.Response, int]:
    """Send a request again until it is answered; return the answer and how often that broke."""
    broken = 0
    while True:
        with suppress(httpx.HTTPError):
            return client.post(INFER, content=body), broken
        broken += 1


def alive(pid: int) -> bool:
    """Say whether a process runs (a zombie does not)."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
