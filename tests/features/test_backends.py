"""What every place must do that keeps the online store's bytes: LMDB's folder and a Redis server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import methodcaller

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lapwise.features.online.backend import Backend, Writer
from lapwise.features.online.backends.redis import RedisBackend
from tests.features.places import put
from tests.redis_server import RedisServer

NASTY = [b"", b"\x00", b"a*b", b"[ab]?", b"\\", b"a\r\nb", b"\xff\xfe", "ü".encode()]


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


def test_spaces_of_one_server_are_apart(redis: RedisServer) -> None:
    spaces = ["a", "a-b", "a.b", "ab"]
    opened = [RedisBackend.open(redis.url, space=f"apart-{space}") for space in spaces]
    for one, space in zip(opened, spaces, strict=True):
        put(one, key=space)
    opened[0].write(lambda writer: writer.drop(b""))
    assert [dict(one.scan(b"")) for one in opened] == [
        {}, {b"key": b"a-b"}, {b"key": b"a.b"}, {b"key": b"ab"},
    ]  # fmt: skip
    for one in opened:
        one.close()
