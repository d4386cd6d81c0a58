"""What every place must do that keeps the online store's bytes: LMDB's folder and a Redis server."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import methodcaller
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lapwise.core.errors import ConflictError
from lapwise.features.backend import Backend, Writer
from lapwise.features.backends.lmdb import LmdbBackend
from lapwise.features.backends.redis import RedisBackend
from tests.redis_server import RedisServer

NASTY = [b"", b"\x00", b"a*b", b"[ab]?", b"\\", b"a\r\nb", b"\xff\xfe", "ü".encode()]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A Redis server that logs its writes."""
    running = RedisServer(("--appendonly", "yes")).start()
    yield running
    running.close()


@pytest.fixture(params=["lmdb", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store is that nobody has used: a folder, or a space of a server."""
    if request.param == "lmdb":
        return str(tmp_path / "features")
    running: RedisServer = request.getfixturevalue("server")
    return f"{running.url}?space={uuid.uuid4().hex}"


@pytest.fixture
def backend(place: str) -> Iterator[Backend]:
    """The store, open."""
    opened = open_place(place)
    yield opened
    opened.close()


def open_place(place: str) -> Backend:
    """Open a place; a writer that dies on Redis keeps the others waiting for half a second."""
    return RedisBackend.open(place, expiry=0.5) if "://" in place else LmdbBackend.open(Path(place))


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a process that has ``open_place`` and whatever the code says."""
    head = "import sys, time\nfrom tests.features.test_backends import *\n"
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


def test_what_is_put_is_read(backend: Backend) -> None:
    values = {b"k" + key: key * 3 for key in NASTY} | {b"large": b"x" * 5_000_000}

    def work(writer: Writer) -> str:
        for key, value in values.items():
            writer.put(key, value)
        return "done"

    assert backend.write(work) == "done"
    assert backend.read([*values, b"none", b"large"]) == [*values.values(), None, b"x" * 5_000_000]
    assert backend.read([]) == []
    backend.write(lambda writer: writer.delete(b"large"))
    backend.write(lambda writer: writer.delete(b"large"))  # again
    assert backend.read([b"large", b"k"]) == [None, b""]


def test_a_write_reads_what_it_wrote(backend: Backend) -> None:
    put(backend, a="1", b="2", xa="3", xb="4")

    def work(writer: Writer) -> None:
        writer.put(b"a", b"9")
        writer.delete(b"b")
        writer.put(b"c", b"8")
        writer.drop(b"x")
        writer.load(b"y", [(b"y1", b"7"), (b"y2", b"6")])
        asked = [b"a", b"b", b"c", b"xa", b"y1", b"y2", b"none", b"a"]
        assert writer.get(asked) == [b"9", None, b"8", None, b"7", b"6", None, b"9"]
        writer.put(b"b", b"again")
        writer.delete(b"c")
        writer.put(b"xb", b"after the drop")
        assert writer.get([b"b", b"c", b"xa", b"xb"]) == [b"again", None, None, b"after the drop"]
        assert writer.get([]) == []

    backend.write(work)
    assert dict(backend.scan(b"")) == {
        b"a": b"9", b"b": b"again", b"xb": b"after the drop", b"y1": b"7", b"y2": b"6",
    }  # fmt: skip


Deed = tuple[str, bytes, bytes]
KEYS = st.builds(bytes.__add__, st.sampled_from([b"a", b"a*", b"b"]), st.sampled_from([b"", b"1"]))
DEEDS = st.tuples(st.sampled_from(["put", "delete", "drop"]), KEYS, st.binary(max_size=3))
WRITES = st.lists(st.tuples(st.lists(DEEDS, max_size=6), st.sampled_from(["", "load", "raise"])))


@given(writes=WRITES)
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_it_is_a_dictionary_that_takes_all_of_a_write_or_nothing(
    backend: Backend, writes: list[tuple[list[Deed], str]]
) -> None:
    backend.write(methodcaller("drop", b""))
    known: dict[bytes, bytes] = {}
    for turn, (deeds, last) in enumerate(writes):
        work = Work(known, deeds, last, b"z%d/" % turn)
        try:
            backend.write(work)
            known = work.after
        except KeyError:
            assert last == "raise"
        assert dict(backend.scan(b"")) == known
        assert backend.read([*known, b"none"]) == [*known.values(), None]


@dataclass
class Work:
    """Deeds that a dictionary does beside the writer; ``last`` is to load, or to raise then."""

    known: dict[bytes, bytes]
    deeds: list[Deed]
    last: str
    prefix: bytes
    after: dict[bytes, bytes] = field(default_factory=dict)

    def __call__(self, writer: Writer) -> None:
        self.after = after = dict(self.known)  # it may be called again
        for deed, key, value in self.deeds:
            if deed == "put":
                writer.put(key, value)
                after[key] = value
            elif deed == "delete":
                writer.delete(key)
                after.pop(key, None)
            else:
                writer.drop(key)
                for one in [one for one in after if one.startswith(key)]:
                    del after[one]
            asked = [key, *self.known, *after]
            assert writer.get(asked) == [after.get(one) for one in asked]
        if self.last:
            loaded = {self.prefix + b"%d" % i: b"x" for i in range(3)}
            writer.load(self.prefix, loaded.items())
            after.update(loaded)
        if self.last == "raise":
            raise KeyError


def test_what_raises_keeps_nothing(backend: Backend) -> None:
    put(backend, a="1", xa="2")

    def work(writer: Writer) -> None:
        writer.put(b"a", b"9")
        writer.drop(b"x")
        writer.load(b"y", ((b"y%04d" % i, b"x") for i in range(3000)))
        raise KeyError("mine")

    def cut(writer: Writer) -> None:
        def records() -> Iterator[tuple[bytes, bytes]]:
            yield from ((b"y%04d" % i, b"x") for i in range(3000))
            raise KeyError("mine")

        writer.load(b"y", records())

    for failing in (work, cut):
        with pytest.raises(KeyError, match="mine"):
            backend.write(failing)
        assert dict(backend.scan(b"")) == {b"a": b"1", b"xa": b"2"}
    assert backend.write(lambda _writer: 7) == 7


def test_a_scan_takes_a_prefix_at_its_word(backend: Backend) -> None:
    prefixes = [b"k" + key for key in NASTY]  # no key is empty: LMDB has none
    values = {prefix + tail: tail for prefix in prefixes for tail in (b"", b"1", b"*")}

    def work(writer: Writer) -> None:
        for key, value in values.items():
            writer.put(key, value)

    backend.write(work)
    for prefix in prefixes:
        found = list(backend.scan(prefix))
        assert dict(found) == {k: v for k, v in values.items() if k.startswith(prefix)}
        assert len(found) == len(dict(found))
    for prefix in prefixes[1:]:
        backend.write(methodcaller("drop", prefix))
        assert not list(backend.scan(prefix))
    assert set(dict(backend.scan(b""))) == {b"k", b"k1", b"k*"}


def test_readers_see_the_old_or_the_new_and_never_both(backend: Backend) -> None:
    """A view is loaded anew under another prefix and the old one dropped, over and over."""
    keys = [b"v%d/%04d" % (turn, i) for turn in range(6) for i in (0, 700, 1999)]
    stop, seen = threading.Event(), set[bytes]()

    def read() -> None:
        while not stop.is_set():
            current, *values = backend.read([b"current", *keys])
            there = {key for key, value in zip(keys, values, strict=True) if value is not None}
            if current is not None:
                seen.add(current)
                whole = {key for key in keys if key.startswith(current)}
                assert whole <= there, (current, there)

    def build(turn: int) -> Callable[[Writer], None]:
        def work(writer: Writer) -> None:
            new = b"v%d/" % turn
            writer.load(new, ((new + b"%04d" % i, b"x" * 50) for i in range(2000)))
            writer.put(b"current", new)
            if turn:
                writer.drop(b"v%d/" % (turn - 1))

        return work

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(6):
        backend.write(build(turn))
        until = time.monotonic() + 0.2
        while b"v%d/" % turn not in seen and time.monotonic() < until:
            time.sleep(0.001)
    stop.set()
    reader.join()
    assert len(seen) > 1
    assert {key[:3] for key, _ in backend.scan(b"v")} == {b"v5/"}


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


def test_a_stopped_writer_overwrites_nobody(server: RedisServer) -> None:
    """It was stopped for so long that another took its place: its work is done again."""
    place = f"{server.url}?space={uuid.uuid4().hex}"
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
    assert time.monotonic() - started < 3
    stopped.send_signal(signal.SIGCONT)
    assert [line_of(stopped), line_of(stopped)] == ["read 3", "wrote 4"]
    assert stopped.wait() == 0
    end(stopped)
    assert counted(backend) == 4
    backend.close()


def test_a_long_write_is_waited_for_and_then_named(server: RedisServer) -> None:
    """Work that takes longer than the expiry is not disturbed; who waits too long learns by whom."""
    place = f"{server.url}?space={uuid.uuid4().hex}"
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


def test_spaces_of_one_server_are_apart(server: RedisServer) -> None:
    spaces = ["a", "a-b", "a.b", "ab"]
    opened = [RedisBackend.open(server.url, space=f"apart-{space}") for space in spaces]
    for one, space in zip(opened, spaces, strict=True):
        put(one, key=space)
    opened[0].write(lambda writer: writer.drop(b""))
    assert [dict(one.scan(b"")) for one in opened] == [
        {}, {b"key": b"a-b"}, {b"key": b"a.b"}, {b"key": b"ab"},
    ]  # fmt: skip
    for one in opened:
        one.close()
