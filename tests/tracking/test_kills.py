"""What a call acknowledged is in the store once, whoever is killed and when.

``LAPWISE_KILLS`` says how many processes are killed at the least (default 120; 1,000 for a release).
"""

import os
import random
import time
from pathlib import Path

import pytest

from lapwise.store.model import Store
from lapwise.store.open import open_store
from lapwise.tracking.recovery import recover
from lapwise.tracking.start import start_run
from tests.ports import fixed_port
from tests.tracking.kills import Server, check, killing, open_place, start

KILLS = int(os.environ.get("LAPWISE_KILLS", "120"))
AT_ONCE = 3
"""A round kills a host, its forked child and a guest."""


def place(folder: Path) -> Path:
    root = folder / "project"
    root.mkdir()
    return root


def rounds(url: str, folder: Path, root: Path, kills: int, seed: int) -> int:
    """Kill so many processes, three at a time, and return how many points were found."""
    moments, total = random.Random(seed), 0
    with open_place(url, folder) as store:
        for _ in range(-(-kills // AT_ONCE)):
            victims = start(url, folder)
            time.sleep(moments.uniform(0.0, 0.8))
            victims.kill()
            total += check(store, root, victims)
    return total


def test_a_host_its_child_and_a_guest_are_killed(tmp_path: Path) -> None:
    """Threads, a forked child and a process that joined log to one run: nothing lost or doubled."""
    root = place(tmp_path)
    assert rounds(f"sqlite:///{tmp_path / 'lapwise.db'}", tmp_path, root, 3, 1) > 20


@pytest.mark.prove
@pytest.mark.timeout(7_200)
def test_clients_of_a_file_are_killed(tmp_path: Path) -> None:
    """Random kills of clients of an embedded store."""
    root = place(tmp_path)
    total = rounds(f"sqlite:///{tmp_path / 'lapwise.db'}", tmp_path, root, KILLS // 2, 2)
    print(f"{KILLS // 2} clients killed, {total:,} points, all there once")
    assert total > 10 * KILLS


@pytest.mark.prove
@pytest.mark.timeout(7_200)
def test_clients_of_a_server_that_is_killed_are_killed(tmp_path: Path) -> None:
    """Random kills of clients, while their server is killed again and again."""
    root = place(tmp_path)
    server = Server(tmp_path, fixed_port())
    try:
        server.wait()
        with killing(server, 0.2, 2.0):
            total = rounds(server.url, tmp_path, root, KILLS // 2, 3)
    finally:
        server.close()
    print(f"{KILLS // 2} clients and {server.kills} servers killed, {total:,} points, all there")
    assert total > 5 * KILLS
    assert server.kills > KILLS // 40


@pytest.mark.prove
@pytest.mark.timeout(600)
def test_a_run_outlives_the_deaths_of_its_server(tmp_path: Path) -> None:
    """One run logs numbers and files all the while; at its end all is there, once."""
    root = place(tmp_path)
    server = Server(tmp_path, fixed_port())
    try:
        server.wait()
        with open_place(server.url, tmp_path) as far, killing(server, 0.5, 2.0):
            run = start_run("e", store=far, root=root, seed=1)
            begun = time.monotonic()
            step = 0
            while time.monotonic() - begun < 20:
                run.log_metric("loss", step / 2, step)
                if step % 5_000 == 0:
                    run.log_text(f"notes/{step}.txt", "x" * step)
                step += 1
                if step % 100 == 0:
                    time.sleep(0.002)
            run.end()
    finally:
        server.close()
    with open_store(f"sqlite:///{tmp_path / 'lapwise.db'}", str(tmp_path / "blobs")) as store:
        recover(store, root)
        _check_whole(store, run.id, step)
    assert server.kills > 2


@pytest.mark.prove
def test_a_killed_run_is_seen_as_crashed_within_a_minute(tmp_path: Path) -> None:
    """Nobody recovers it: the silence of its heart is enough."""
    place(tmp_path)
    url = f"sqlite:///{tmp_path / 'lapwise.db'}"
    victims = start(url, tmp_path)
    with open_place(url, tmp_path) as store:
        time.sleep(1)
        victims.kill()
        begun = time.monotonic()
        assert store.runs.get(victims.run).status == "running"
        while store.runs.get(victims.run).status == "running":
            assert time.monotonic() - begun < 60
            time.sleep(0.5)
        assert store.runs.get(victims.run).status == "crashed"
        assert time.monotonic() - begun > 30


def _check_whole(store: Store, run: str, steps: int) -> None:
    assert [one.step for one in store.runs.history(run, "loss")] == list(range(steps))
    names = [one.name for one in store.runs.artifacts(run)]
    assert len(names) == -(-steps // 5_000)
    assert store.runs.get(run).status == "finished"
