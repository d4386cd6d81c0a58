"""Processes that log to one run from threads, a forked child and a guest, and how to kill them."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lapwise.core.clock import MachineClock
from lapwise.core.errors import StoreError
from lapwise.core.model import Metric
from lapwise.store.model import Store
from lapwise.store.open import open_store
from lapwise.store.remote import open_remote
from lapwise.tracking.recovery import recover
from lapwise.tracking.wal import log_folder

# Each writes a letter to its standard output after each call that returned.
_LOGGING = """
import os, signal, sys, threading, time
from pathlib import Path
from lapwise.store.open import open_store
from lapwise.store.remote import is_remote, open_remote
from lapwise.tracking.start import join_run, start_run

url, folder = sys.argv[1], Path(sys.argv[2])
root = folder / "project"
store = open_remote(url, patience=0.5) if is_remote(url) else open_store(url, str(folder / "blobs"))

def work(run, letter):
    step = 0
    while True:
        run.log_metric(letter, step / 4, step)
        os.write(1, letter.encode())
        step += 1
        if step % 50 == 0:
            time.sleep(0.01)
"""
_HOST = (
    _LOGGING
    + """
run = start_run("killed", store=store, root=root, seed=1, params={"lr": 0.1})
if os.fork() == 0:
    work(run, "c")
for letter in "ab":
    threading.Thread(target=work, args=(run, letter), daemon=True).start()
os.write(1, run.id.encode() + b"\\n")
time.sleep(600)
"""
)
_GUEST = (
    _LOGGING
    + """
run = join_run(sys.argv[3], store=store, root=root)
os.write(1, b"\\n")
work(run, "g")
"""
)


@dataclass
class Victims:
    """A host, its forked child and a guest, and what they say that they logged."""

    run: str
    host: "subprocess.Popen[bytes]"
    guest: "subprocess.Popen[bytes]"
    child: int
    said: Counter[str] = field(default_factory=Counter)
    _readers: list[threading.Thread] = field(default_factory=list)

    def kill(self) -> None:
        """Kill all, in any order, and count what they had said."""
        order = [self.host.pid, self.guest.pid, self.child]
        random.shuffle(order)
        for number in order:
            os.kill(number, signal.SIGKILL)
        for reader in self._readers:
            reader.join(30)
        for process in (self.host, self.guest):
            process.wait()

    def listen(self) -> None:
        for process in (self.host, self.guest):
            reader = threading.Thread(target=self._count, args=(process,))
            reader.start()
            self._readers.append(reader)

    def _count(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        for byte in process.stdout.read().decode():
            if byte in "abcg":
                self.said[byte] += 1
        process.stdout.close()


def start(url: str, folder: Path) -> Victims:
    """Start the three on a store, and wait until all can log."""
    host = _spawn(_HOST, url, str(folder))
    assert host.stdout is not None
    first = host.stdout.readline().decode()
    run = first.strip()[-26:]
    early = Counter(first.strip()[:-26])
    guest = _spawn(_GUEST, url, str(folder), run)
    assert guest.stdout is not None
    early += Counter(guest.stdout.readline().decode().strip())
    children = Path(f"/proc/{host.pid}/task/{host.pid}/children").read_text().split()
    victims = Victims(run, host, guest, int(children[0]), early)
    victims.listen()
    return victims


def _spawn(code: str, *arguments: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE)


def check(store: Store, root: Path, victims: Victims) -> int:
    """Fail unless exactly what was logged is in the store; return how many points that are."""
    clock = MachineClock()
    until = clock.monotonic() + 60
    while list(log_folder(root).glob("*.wal")):
        found = recover(store, root)
        assert clock.monotonic() < until, f"the logs were not shipped in time: {found}"
    total = 0
    for letter in "abcg":
        steps = [point.step for point in _history(store, victims.run, letter)]
        said = victims.said[letter]
        assert steps == list(range(len(steps))), f"{letter}: points are lost or doubled"
        assert said <= len(steps) <= said + 1, f"{letter}: {said} said, {len(steps)} kept"
        total += len(steps)
    assert store.runs.get(victims.run).status == "crashed"
    return total


def _history(store: Store, run: str, metric: str) -> tuple[Metric, ...]:
    for _ in range(100):
        try:
            return store.runs.history(run, metric)
        except StoreError:  # the server was just killed
            MachineClock().sleep(0.2)
    raise AssertionError("the server does not come back")


class Server:
    """A real server that can be killed, on one port all the time."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self.url = f"http://127.0.0.1:{port}"
        self.kills = 0
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        surroundings = {
            **os.environ,
            "LAPWISE_STORE": f"sqlite:///{self._folder / 'lapwise.db'}",
            "LAPWISE_BLOBS": str(self._folder / "blobs"),
        }
        code = "from lapwise.cli.main import main; main()"
        command = [sys.executable, "-c", code, "server", "--port", str(self._port)]
        return subprocess.Popen(
            command, env=surroundings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def wait(self) -> None:
        """Wait until it answers."""
        with open_remote(self.url, patience=30) as store:
            store.runs.list(limit=1)

    def kill(self) -> None:
        """Kill it and start it again."""
        self._process.kill()
        self._process.wait()
        self.kills += 1
        self._process = self._start()

    def close(self) -> None:
        """Kill it for good."""
        self._process.kill()
        self._process.wait()


@contextmanager
def killing(server: Server, low: float, high: float) -> Iterator[None]:
    """Kill a server again and again, at a random moment after it has answered."""
    over = threading.Event()
    moments = random.Random(11)

    def work() -> None:
        while not over.wait(moments.uniform(low, high)):
            server.kill()
            server.wait()

    killer = threading.Thread(target=work)
    killer.start()
    try:
        yield
    finally:
        over.set()
        killer.join()


def open_place(url: str, folder: Path) -> Store:
    """Open a store of our own, or a server's with more patience than its kills last."""
    if url.startswith("http"):
        return open_remote(url, patience=20)
    return open_store(url, str(folder / "blobs"))
