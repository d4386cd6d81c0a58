"""A Redis server that is away, wrong, full, slow, killed or emptied, and what is said of it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lapwise.core.errors import DeclarationError, LapwiseError, StorageFullError, StoreError
from lapwise.features.online.backend import Writer
from lapwise.features.online.backends.redis import RedisBackend
from tests.features.places import count_up, counted, end, line_of, start
from tests.ports import fixed_port
from tests.redis_server import RedisServer

PASSWORD = "s3cret-p@ss"
QUOTED = "s3cret-p%40ss"


@contextmanager
def running(*options: str) -> Iterator[RedisServer]:
    """A server of one test's own."""
    server = RedisServer(options)
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with running("--appendonly", "yes") as one:
        yield one


def put(key: bytes, value: bytes) -> Callable[[Writer], None]:
    """Return work that keeps one value."""
    return lambda writer: writer.put(key, value)


def told(error: BaseException) -> str:
    """Return all that a person may come to see of an error, its causes included."""
    import traceback

    return "".join(traceback.format_exception(error)) + repr(error)


@pytest.mark.parametrize(
    "address",
    [
        f"redis://:{QUOTED}@host:port/0",
        f"redis://:{PASSWORD}/#@host/0",
        f"http://anna:{QUOTED}@host/0",
        f"postgresql://anna:{QUOTED}@host/db",
        f"redis://:{QUOTED}@host/0?socket_timeout=soon",
        f"redis://:{QUOTED}@host/0?colour=red",
        f"redis://:{QUOTED}@host/0?decode_responses=true",
        f"redis://:{QUOTED}@host/0?space=a%20b",
        f"redis://:{QUOTED}@host/0?space=",
        f"anna:{PASSWORD}@host",
        "",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        RedisBackend.open(address, read_only=True).read([b"a"])
    assert "s3cret" not in told(caught.value)
    assert "ss/#" not in told(caught.value)


def test_nobody_there() -> None:
    url = f"redis://anna:{QUOTED}@127.0.0.1:{fixed_port()}/0"
    with pytest.raises(StoreError, match=r"away(?s:.*)redis-cli") as caught:
        RedisBackend.open(url)
    assert "s3cret" not in told(caught.value)
    reader = RedisBackend.open(url, read_only=True)  # a server may start before Redis does
    with pytest.raises(StoreError, match="away"):
        reader.read([b"a"])


def test_a_wrong_password_is_not_repeated() -> None:
    with running("--requirepass", PASSWORD) as server:
        place = f"127.0.0.1:{server.port}/0"
        good = RedisBackend.open(f"redis://:{QUOTED}@{place}")
        good.write(put(b"a", b"1"))
        assert RedisBackend.open(f"redis://default:{QUOTED}@{place}").read([b"a"]) == [b"1"]
        for wrong in ("", ":s3cret-wrong@", "anna:s3cret-wrong@"):
            for read_only in (False, True):
                with pytest.raises(StoreError, match=r"password(?s:.*)LAPWISE_ONLINE") as caught:
                    RedisBackend.open(f"redis://{wrong}{place}", read_only=read_only).read([b"a"])
                assert "s3cret" not in told(caught.value)


def test_a_user_needs_few_rights() -> None:
    with running() as server:
        rights = ["on", ">pw", "~lapwise*", "+@all", "-@dangerous", "-@admin", "+info"]
        server.ask("ACL", "SETUSER", "anna", *rights)
        server.ask("ACL", "SETUSER", "blind", *rights, "-info")
        server.ask("ACL", "SETUSER", "weak", *rights, "-set")
        server.ask("ACL", "SETUSER", "other", *rights[:2], "~others*", *rights[3:])
        place = f"127.0.0.1:{server.port}/0"
        for name in ("anna", "blind"):
            backend = RedisBackend.open(f"redis://{name}:pw@{place}")
            backend.write(lambda w: w.load(b"p", [(b"p1", b"1")]))
            backend.write(lambda w: w.drop(b"p"))
            assert (backend.server() is None) == (name == "blind")
        for name in ("weak", "other"):
            with pytest.raises(StoreError, match=r"may not do this(?s:.*)ACL"):
                RedisBackend.open(f"redis://{name}:pw@{place}").write(put(b"a", b"1"))


def test_a_server_that_could_quietly_answer_wrong_is_refused() -> None:
    with running("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru") as server:
        for read_only in (False, True):
            with pytest.raises(StoreError, match=r"allkeys-lru(?s:.*)noeviction"):
                RedisBackend.open(server.url, read_only=read_only).read([b"a"])
        server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        RedisBackend.open(server.url).close()
    with running("--cluster-enabled", "yes") as server, pytest.raises(StoreError, match="cluster"):
        RedisBackend.open(server.url)


def test_a_replica_may_be_read(server: RedisServer) -> None:
    primary = RedisBackend.open(server.url)
    primary.write(put(b"a", b"1"))
    with running("--replicaof", "127.0.0.1", str(server.port)) as replica:
        reader = RedisBackend.open(replica.url, read_only=True)
        until = time.monotonic() + 20
        while reader.read([b"a"]) != [b"1"] and time.monotonic() < until:
            time.sleep(0.05)
        assert reader.read([b"a"]) == [b"1"]
        with pytest.raises(StoreError, match=r"replica(?s:.*)primary"):
            RedisBackend.open(replica.url)
        with pytest.raises(StoreError, match="opened to be read"):
            reader.write(put(b"a", b"2"))


def test_a_primary_that_becomes_a_replica_says_so(server: RedisServer) -> None:
    with running() as other:
        backend = RedisBackend.open(server.url)
        server.ask("REPLICAOF", "127.0.0.1", str(other.port))
        for _ in range(2):
            with pytest.raises(StoreError, match=r"replica(?s:.*)primary"):
                backend.write(put(b"a", b"1"))
        server.ask("REPLICAOF", "NO", "ONE")
        backend.write(put(b"a", b"1"))
        assert backend.read([b"a"]) == [b"1"]


def test_a_full_server_keeps_nothing_of_a_write() -> None:
    with running("--maxmemory", "5mb") as server:
        backend = RedisBackend.open(server.url)
        backend.write(put(b"small", b"1"))

        def large(writer: Writer) -> None:
            writer.put(b"small", b"2")
            for i in range(2000):
                writer.put(b"k%d" % i, b"x" * 5000)

        with pytest.raises(StorageFullError, match=r"no memory(?s:.*)maxmemory"):
            backend.write(large)
        assert dict(backend.scan(b"")) == {b"small": b"1"}
        with pytest.raises(StorageFullError, match="no memory"):
            backend.write(
                lambda w: w.load(b"p", ((b"p%06d" % i, b"x" * 500) for i in range(30_000)))
            )
        assert dict(backend.scan(b"")) == {b"small": b"1"}
        backend.write(put(b"small", b"3"))
        assert backend.read([b"small"]) == [b"3"]


def test_a_load_that_died_with_the_memory_full_is_removed() -> None:
    """Nobody could write any more, not even to tidy up, if that needed memory."""
    with running("--maxmemory", "5mb") as server:
        code = """
            def work(writer):
                def records():
                    for i in range(5000):
                        yield b"p%06d" % i, b"x" * 500
                    print("loaded", flush=True)
                    time.sleep(60)
                writer.load(b"p", records())
            RedisBackend.open(sys.argv[1], expiry=0.5).write(work)
        """
        loading = start(code, server.url)
        assert line_of(loading) == "loaded"
        server.ask("CONFIG", "SET", "maxmemory", "2mb")
        end(loading)
        backend = RedisBackend.open(server.url)
        backend.write(put(b"small", b"1"))
        assert dict(backend.scan(b"")) == {b"small": b"1"}


def test_a_slow_server_keeps_no_request_waiting(server: RedisServer) -> None:
    backend = RedisBackend.open(server.url)
    backend.write(put(b"a", b"1"))
    assert backend.read([b"a"]) == [b"1"]
    server.send(signal.SIGSTOP)
    started = time.monotonic()
    for _ in range(100):
        with pytest.raises(StoreError, match=r"did not answer|in time"):
            backend.read([b"a"])
    assert time.monotonic() - started < 20  # half a second each would be 50
    server.send(signal.SIGCONT)
    until = time.monotonic() + 20
    while True:
        try:
            assert backend.read([b"a"]) == [b"1"]
            break
        except StoreError:
            assert time.monotonic() < until
            time.sleep(0.05)


def await_written(server: RedisServer) -> None:
    """Wait until a killed server has lost nothing: all is with the system."""
    until = time.monotonic() + 20
    while b"aof_buffer_length:0\r" not in server.ask("INFO", "persistence"):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_restart_is_survived(server: RedisServer) -> None:
    backend = RedisBackend.open(server.url)
    unix = RedisBackend.open(server.unix_url)
    assert backend.write(count_up) == 1
    assert counted(unix) == 1
    for turn in range(2, 4):
        await_written(server)
        server.kill()
        with pytest.raises(StoreError, match="away"):
            backend.read([b"n0"])
        server.start()
        assert counted(backend) == counted(unix) == turn - 1
        assert unix.write(count_up) == turn
        assert counted(backend) == turn
    server.kill()
    server.start()
    assert unix.write(count_up) in {3, 4}  # by a connection that was cut; the last second is lost


def kill_the_server(options: tuple[str, ...]) -> tuple[int, int]:
    """Kill the server under a writer; return the last count it was told of, and what is there."""
    server = RedisServer(("--appendonly", "yes", *options)).start()
    code = """
        backend = RedisBackend.open(sys.argv[1])
        while True:
            print(backend.write(count_up), flush=True)
    """
    try:
        writing = start(code, server.url)
        line_of(writing)
        time.sleep(0.5)
        server.kill()
        said = end(writing).split()
        server.start()
        return int(said[-1]), counted(RedisBackend.open(server.url))
    finally:
        server.close()


def test_what_returned_survives_a_killed_server_that_syncs() -> None:
    said, there = kill_the_server(("--appendfsync", "always"))
    assert there - said in {0, 1}


@pytest.mark.prove
def test_a_killed_server_keeps_a_whole_state() -> None:
    for _ in range(8):
        said, there = kill_the_server(("--appendfsync", "always"))
        assert there - said in {0, 1}
        said, there = kill_the_server(("--appendfsync", "everysec"))
        assert there <= said + 1  # whole, for ``counted`` has looked


def test_a_flushed_server_is_empty_and_may_be_filled_again(server: RedisServer) -> None:
    backend = RedisBackend.open(server.url)
    backend.write(count_up)
    server.ask("FLUSHALL")
    assert backend.read([b"n0"]) == [None]
    assert backend.write(count_up) == 1


class Cutter:
    """Stands between a client and a server, and cuts the line at the first EXEC.

    Args:
        port: the server's.
        before: the server never hears of it; else the client never hears that it was done.
    """

    def __init__(self, port: int, *, before: bool) -> None:
        self._port, self._before = port, before
        self.cuts: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    def _listen(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._port))
            self._sockets += [client, server]
            for work in (self._forth, self._back):
                self._threads.append(threading.Thread(target=work, args=(client, server)))
                self._threads[-1].start()

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 16):
                if b"EXEC" in data and not self.cuts:
                    self.cuts.append(server)
                    if not self._before:
                        server.sendall(data)
                        time.sleep(0.2)
                    break
                server.sendall(data)
        for one in (client, server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                if server not in self.cuts:
                    client.sendall(data)

    def close(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()


@pytest.mark.parametrize("before", [False, True], ids=["reply lost", "request lost"])
def test_a_cut_line_loses_no_write_and_repeats_none(server: RedisServer, before: bool) -> None:
    straight = RedisBackend.open(server.url)
    straight.write(count_up)
    cutter = Cutter(server.port, before=before)
    backend = RedisBackend.open(cutter.url)
    assert backend.write(count_up) == 2
    assert len(cutter.cuts) == 1
    assert counted(straight) == 2
    assert backend.write(count_up) == 3
    backend.close()
    cutter.close()


def test_the_driver_is_loaded_when_the_address_asks_for_it(tmp_path: Path) -> None:
    code = """
        import sys
        from lapwise.features import OnlineStore
        OnlineStore.open(sys.argv[1]).close()
        assert "redis" not in sys.modules
        sys.modules["redis"] = None
        try:
            OnlineStore.open("redis://:s3cret@host/0")
        except Exception as error:
            print(type(error).__name__, error)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "features")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("MissingDependencyError")
    assert "pip install 'lapwise[redis]'" in done.stdout
    assert "s3cret" not in done.stdout


def test_every_refusal_is_an_error_of_ours(server: RedisServer) -> None:
    server.ask("LPUSH", "lapwise:list", "x")
    server.ask("SADD", "lapwise/lock", "x")
    backend = RedisBackend.open(server.url)
    assert backend.read([b"list"]) == [None]
    with pytest.raises(LapwiseError, match="WRONGTYPE"):
        backend.write(put(b"a", b"1"))
    backend.close()
    backend.close()
    with pytest.raises(StoreError, match="closed"):
        backend.read([b"a"])
