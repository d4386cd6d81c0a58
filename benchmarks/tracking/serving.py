"""A server with clients: how soon it answers, what it holds, points and gigabytes it takes."""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.tracking.filling import CLOCK, Serving, served

MANY = 500_000

SENDER = """
import json, sys
from pathlib import Path
from benchmarks.peak import peak_mb
from lapwise.core.clock import MachineClock
from lapwise.store.open import open_store
clock = MachineClock()
with open_store(sys.argv[1], "") as store:
    store.blobs.put(b"warm")
    before = peak_mb()
    begun = clock.monotonic()
    store.blobs.put_file(Path(sys.argv[2]))
    spent = clock.monotonic() - begun
grown = peak_mb() - before
print(json.dumps({"s": spent, "mb": grown}))
"""

LOGGER = """
import json, sys
from lapwise.core.clock import MachineClock
from lapwise.store.open import open_store
from lapwise.tracking.start import start_run
clock = MachineClock()
points = int(sys.argv[3])
with open_store(sys.argv[1], "") as store:
    run = start_run("bench", store=store, root=sys.argv[2], seed=7)
    begun = clock.monotonic()
    for step in range(points):
        run.log_metric("loss", 0.5, step)
    logged = clock.monotonic() - begun
    run.end()
    while not run.flush(5):
        pass
    spent = clock.monotonic() - begun
print(json.dumps({"us": logged / points * 1e6, "points": points / spent}))
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of a server; sizes in megabytes, times in seconds but ``single`` in µs."""

    ready: float
    memory: float
    processes: int
    points: float
    single: float
    seconds: float
    client: float
    server: float


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def large_file(folder: Path, gigabytes: float) -> Path:
    """Write a file that does not repeat itself."""
    path = folder / "large.bin"
    block = random.Random(7).randbytes(2**20)
    with path.open("wb") as file:
        for number in range(int(gigabytes * 1024)):
            file.write(number.to_bytes(8) + block[8:])
    return path


def lapwise_server(folder: Path, large: Path) -> Figures:
    """Measure ``lapwise server`` on SQLite with its own client."""
    home = folder / "lapwise"
    home.mkdir()
    port = free_port()
    program = str(Path(sys.executable).with_name("lapwise"))
    place = {
        **os.environ,
        "LAPWISE_STORE": f"sqlite:///{home / 'lapwise.db'}",
        "LAPWISE_BLOBS": str(home / "blobs"),
    }
    with served([program, "server", "--port", str(port)], port, home, place) as server:
        send = [sys.executable, "-c", SENDER, server.uri, str(large)]
        log = [sys.executable, "-c", LOGGER, server.uri, str(folder), str(MANY)]
        return _figures(server, log, send, dict(os.environ))


def mlflow_server(folder: Path, large: Path, python: Path) -> Figures:
    """Measure ``mlflow server`` on SQLite with its own client."""
    home = folder / "mlflow"
    home.mkdir()
    port = free_port()
    # Neither our packages nor our settings: only what the lock names.
    clean = {
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "HOME": str(home),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    command = [str(python), "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(home / "artifacts")]
    with served(command, port, home, clean) as server:
        ask = [str(python), str(Path(__file__).parents[1] / "mlflow_figures.py")]
        return _figures(
            server,
            [*ask, "batch", server.uri],
            [*ask, "artifact", server.uri, str(large)],
            clean,
        )


def _figures(
    server: Serving, log: list[str], send: list[str], environment: dict[str, str]
) -> Figures:
    CLOCK.sleep(3)  # what it does after its first answer belongs to its start
    memory, processes = server.memory, server.processes
    logged = _told(log, environment)
    before = server.memory
    peak = [before]
    sent = _told(send, environment, watch=lambda: peak.append(server.memory))
    return Figures(
        ready=server.ready,
        memory=memory,
        processes=processes,
        points=logged["points"],
        single=logged["us"],
        seconds=sent["s"],
        client=sent["mb"],
        server=max(peak) - before,
    )


def _told(
    command: list[str], environment: dict[str, str], watch: object = None
) -> dict[str, float]:
    """Run a program that prints a line of JSON; call ``watch`` five times a second meanwhile."""
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            if callable(watch):
                watch()
            CLOCK.sleep(0.2 if callable(watch) else 0.02)
        assert process.stdout is not None
        out = process.stdout.read()
    assert process.returncode == 0, f"{command[:3]} ended with {process.returncode}"
    return msgspec.json.decode(out.splitlines()[-1], type=dict[str, float])
