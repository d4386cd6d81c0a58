"""Stores with much in them, and servers in front of them."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.process import resident
from lapwise.core.clock import MachineClock
from lapwise.core.ids import new_id
from lapwise.core.model import Metric, Param, Run
from lapwise.store.model import Store

CLOCK = MachineClock()
WIDE = 20
LONGEST_START = 180.0


def fill(store: Store, runs: int) -> None:
    """Keep runs with 20 parameters and 20 metrics each, as the benchmark of MLflow does."""
    chance = random.Random(7)
    for number in range(runs):
        at = CLOCK.timestamp()
        run = store.runs.create(
            Run(id=new_id(), number=0, experiment="bench", status="running", started=at)
        )
        store.runs.log(
            run.id,
            params=[Param(name=f"p{one}", value=chance.random()) for one in range(WIDE)],
            metrics=[Metric(name=f"m{one}", value=chance.random(), at=at) for one in range(WIDE)],
        )
        store.runs.finish(run.id, "finished", at + number)


def draw(store: Store, points: int, batch: int = 7_000) -> str:
    """Keep a run with one long metric, in batches as the shipper sends them; return its id."""
    chance = random.Random(7)
    run = store.runs.create(
        Run(id=new_id(), number=0, experiment="bench", status="running", started=CLOCK.timestamp())
    )
    for start in range(0, points, batch):
        steps = range(start, min(points, start + batch))
        store.runs.log(
            run.id,
            metrics=[Metric(name="loss", value=chance.random(), step=at, at=at) for at in steps],
            batch=f"bench:{start}",
        )
    return run.id


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that answers: where, its process, and seconds from its start to its first answer."""

    uri: str
    process: subprocess.Popen[bytes]
    ready: float

    @property
    def memory(self) -> float:
        """Megabytes that it and its children hold, what they share counted for each."""
        return resident(self.process.pid) / 1e6

    @property
    def processes(self) -> int:
        """How many processes it is."""
        import psutil

        return 1 + len(psutil.Process(self.process.pid).children(recursive=True))


@contextmanager
def served(
    command: list[str], port: int, folder: Path, environment: dict[str, str], ask: str = "/health"
) -> Iterator[Serving]:
    """Run a server until the block ends; it is ready when ``ask`` is answered with 200."""
    uri = f"http://127.0.0.1:{port}"
    begun = CLOCK.monotonic()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=sys.stderr,
        start_new_session=True,
    )
    try:
        with httpx.Client(timeout=5, trust_env=False, verify=False) as client:
            while CLOCK.monotonic() - begun < LONGEST_START:
                assert process.poll() is None, "the server died before it answered"
                try:
                    if client.get(uri + ask).status_code == 200:
                        break
                except httpx.TransportError:
                    CLOCK.sleep(0.01)
        yield Serving(uri, process, CLOCK.monotonic() - begun)
    finally:
        import psutil

        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(20)
        finally:
            for one in family:
                if one.is_running():
                    one.kill()
            if process.poll() is None:
                process.kill()
