"""Processes that write to one online store, are stopped and are killed."""

from __future__ import annotations

import random
import signal
import threading
import time
import uuid

import pytest

from lapwise.core.errors import ConflictError
from lapwise.features.online.backend import Backend, Writer
from lapwise.features.online.backends.redis import RedisBackend
from tests.features.places import count_up, counted, end, line_of, open_place, start
from tests.redis_server import RedisServer


def test_racing_writers_lose_nothing_and_readers_see_all_or_nothing(
    backend: Backend, place: str
) -> None:
    code = """
        backend = open_place(sys.argv[1])
        for _ in range(60):
            backend.write(count_up)
    """
    backend.write(count_up)
    racing = [start(code, place) for _ in range(3)]
    last = 0
    while any(process.poll() is None for process in racing):
        number = counted(backend)
        assert number >= last
        last = number
    assert [process.communicate()[0] for process in racing] == ["", "", ""]
    assert counted(backend) == 181


def test_threads_share_a_backend(backend: Backend) -> None:
    backend.write(count_up)
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(20):
                backend.write(count_up)
                counted(backend)
        except Exception as error:  # noqa: BLE001 - the test tells it
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert counted(backend) == 81


COUNTING = """
    backend = open_place(sys.argv[1])
    while True:
        print(backend.write(count_up), flush=True)
"""


def kill_one(backend: Backend, place: str, chance: random.Random) -> None:
    """Kill a writer at any moment; what it was told is kept is there, and no half of a write."""
    before = counted(backend)
    writing = start(COUNTING, place)
    line_of(writing)
    time.sleep(chance.random() * 0.05)
    said = [int(word) for word in end(writing).split()]
    assert counted(backend) - (said[-1] if said else before + 1) in {0, 1}
    assert backend.write(count_up) == counted(backend)


def test_a_killed_writer_leaves_no_half_write(backend: Backend, place: str) -> None:
    kill_one(backend, place, random.Random())


@pytest.mark.prove
def test_many_killed_writers_leave_no_half_write(backend: Backend, place: str) -> None:
    for turn in range(40):
        kill_one(backend, place, random.Random(turn))


LOADING = """
    def work(writer):
        def records():
            for i in range(int(sys.argv[2])):
                if i == 2000:
                    print("loading", flush=True)
                yield b"big/%07d" % i, b"x" * 100
        writer.load(b"big/", records())
        writer.put(b"current", b"big/")
        writer.drop(b"old/")
    open_place(sys.argv[1]).write(work)
    print("done", flush=True)
"""


def kill_loading(backend: Backend, place: str, chance: random.Random) -> None:
    """Kill a load, its commit or its tidying; afterwards there is all of it or nothing."""

    def reset(writer: Writer) -> None:
        writer.drop(b"big/")
        writer.put(b"current", b"old/")
        for i in range(3000):
            writer.put(b"old/%04d" % i, b"x")

    backend.write(reset)
    loading = start(LOADING, place, "20000")
    assert line_of(loading) == "loading"
    time.sleep(chance.random() * 0.4)
    done = "done" in end(loading)
    backend.write(count_up)  # the next writer tidies up
    found: dict[bytes, int] = {}
    for key, _ in backend.scan(b""):
        found[key[:4]] = found.get(key[:4], 0) + 1
    new = backend.read([b"current"]) == [b"big/"]
    assert new or not done
    assert found.get(b"big/") == (20_000 if new else None)
    assert found.get(b"old/") == (None if new else 3000)


def test_a_killed_load_leaves_no_litter(backend: Backend, place: str) -> None:
    kill_loading(backend, place, random.Random())


@pytest.mark.prove
def test_many_killed_loads_leave_no_litter(backend: Backend, place: str) -> None:
    for turn in range(20):
        kill_loading(backend, place, random.Random(turn))


def test_a_stopped_writer_overwrites_nobody(redis: RedisServer) -> None:
    """It was stopped for so long that another took its place: its work is done again."""
    place = f"{redis.url}?space={uuid.uuid4().hex}"
    backend = open_place(place)
    code = """
        def work(writer):
            number = int(writer.get([b"n0"])[0] or 0)
            print("read", number, flush=True)
            time.sleep(0.3)
            return count_up(writer)
        print("wrote", open_place(sys.argv[1]).write(work), flush=True)
    """
    stopped = start(code, place)
    assert line_of(stopped) == "read 0"
    stopped.send_signal(signal.SIGSTOP)
    started = time.monotonic()
    assert [backend.write(count_up) for _ in range(3)] == [1, 2, 3]
    assert time.monotonic() - started < 30  # of 60 that a write would wait
    stopped.send_signal(signal.SIGCONT)
    assert [line_of(stopped), line_of(stopped)] == ["read 3", "wrote 4"]
    assert stopped.wait() == 0
    end(stopped)
    assert counted(backend) == 4
    backend.close()


def test_a_long_write_is_waited_for_and_then_named(redis: RedisServer) -> None:
    """Work that takes longer than the expiry is not disturbed; who waits too long learns by whom."""
    place = f"{redis.url}?space={uuid.uuid4().hex}"
    code = """
        def work(writer):
            print("at work", flush=True)
            time.sleep(2)
            return count_up(writer)
        print("wrote", open_place(sys.argv[1]).write(work), flush=True)
    """
    working = start(code, place)
    assert line_of(working) == "at work"
    hasty = RedisBackend.open(place, patience=0.2)
    with pytest.raises(ConflictError, match=f"process {working.pid} on "):
        hasty.write(count_up)
    hasty.close()
    patient = open_place(place)
    assert patient.write(count_up) == 2
    assert line_of(working) == "wrote 1"
    end(working)
    patient.close()
