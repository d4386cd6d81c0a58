"""Bytes over HTTP, from a real server process; what is large, in constant memory."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from lapwise.core.digest import digest_bytes
from tests.ports import fixed_port
from tests.server.conftest import PROCESS, ROOT, running

BYTES = random.Random(4).randbytes(3 << 20)  # tests are named by its digest: always the same
DIGEST = digest_bytes(BYTES)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Path:
    folder = tmp_path_factory.mktemp("bytes")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    return folder


@pytest.fixture(scope="module")
def asked(home: Path) -> Iterator[httpx.Client]:
    """A client of a server with a store of this file's own."""
    with (
        running(f"sqlite:///{home}/lapwise.db", f"{home}/blobs") as address,
        httpx.Client(base_url=f"{address}/api/v1", trust_env=False) as client,
    ):
        yield client


def append(
    asked: httpx.Client, content: bytes, offset: int, length: int, digest: str
) -> httpx.Response:
    headers = {
        "content-type": "application/octet-stream",
        "upload-offset": str(offset),
        "upload-length": str(length),
    }
    return asked.patch(f"/blobs/{digest}/upload", content=content, headers=headers)


def files(home: Path) -> list[Path]:
    """Return all there is, but for what SQLite keeps beside a database that is open."""
    beside = {"lapwise.db-wal", "lapwise.db-shm"}
    return sorted(path for path in home.rglob("*") if path.name not in beside)


def test_a_blob_comes_in_pieces_and_is_read_in_ranges(asked: httpx.Client) -> None:
    """The last piece makes it; a range is what RFC 9110 says of one."""
    half = len(BYTES) // 2
    assert asked.get(f"/blobs/{DIGEST}").status_code == 404
    first = append(asked, BYTES[:half], 0, len(BYTES), DIGEST)
    assert first.json() == {"size": half, "complete": False}
    assert asked.get(f"/blobs/{DIGEST}/upload").json() == {"size": half, "complete": False}
    assert asked.get(f"/blobs/{DIGEST}").status_code == 404
    last = append(asked, BYTES[half:], half, len(BYTES), DIGEST)
    assert last.json() == {"size": len(BYTES), "complete": True}
    assert asked.get(f"/blobs/{DIGEST}/upload").json() == {"size": 0, "complete": True}
    whole = asked.get(f"/blobs/{DIGEST}")
    assert whole.content == BYTES
    assert whole.headers["content-type"] == "application/octet-stream"
    assert whole.headers["content-disposition"] == "attachment"
    assert whole.headers["x-content-type-options"] == "nosniff"
    size = len(BYTES)
    for asked_for, part in {
        "0-0": BYTES[:1],
        "5-9": BYTES[5:10],
        f"{size - 3}-": BYTES[-3:],
        "-7": BYTES[-7:],
        f"{size - 2}-{size + 99}": BYTES[-2:],
    }.items():
        answer = asked.get(f"/blobs/{DIGEST}", headers={"range": f"bytes={asked_for}"})
        assert (answer.status_code, answer.content) == (206, part)
        assert answer.headers["content-range"].endswith(f"/{size}")
    for wrong in (f"{size}-", "9-5", "-", "a-b", "-0", "0-1,4-5", "9" * 30 + "-"):
        answer = asked.get(f"/blobs/{DIGEST}", headers={"range": f"bytes={wrong}"})
        assert answer.status_code == 416, wrong
    assert asked.head(f"/blobs/{DIGEST}").headers["blob-size"] == str(size)
    assert DIGEST in asked.get("/blobs").text.splitlines()


def test_an_upload_goes_on_only_where_it_ends(asked: httpx.Client) -> None:
    """What would leave a gap, or write twice, is a conflict that says where to go on."""
    content = b"abcdef" * 10
    digest = digest_bytes(content)
    assert append(asked, content[:10], 0, 60, digest).status_code == 200
    for offset in (0, 9, 11, 60):
        answer = append(asked, content, offset, 60, digest)
        assert (answer.status_code, answer.json()["kind"]) == (409, "ConflictError")
        assert "byte 10" in answer.json()["expected"]
    longer = append(asked, content[10:] + b"x", 10, 60, digest)
    assert longer.status_code == 400
    assert asked.get(f"/blobs/{digest}/upload").json()["size"] == 10
    assert append(asked, content[10:], 10, 60, digest).json()["complete"]


def test_what_has_another_digest_is_thrown_away(asked: httpx.Client, home: Path) -> None:
    """In pieces or at once; and sending starts again."""
    digest = digest_bytes(b"right")
    answer = append(asked, b"wrong", 0, 5, digest)
    assert answer.json()["kind"] == "CorruptError"
    assert not (home / "blobs" / "uploads" / digest).exists()
    answer = asked.put(f"/blobs/{digest}", content=b"wrong")
    assert answer.json()["kind"] == "CorruptError"
    assert asked.head(f"/blobs/{digest}").status_code == 404
    assert append(asked, b"right", 0, 5, digest).json()["complete"]


def test_nothing_becomes_a_blob_by_nothing(asked: httpx.Client) -> None:
    """The empty blob comes in one empty piece."""
    digest = digest_bytes(b"")
    assert append(asked, b"", 0, 0, digest).json() == {"size": 0, "complete": True}
    assert asked.get(f"/blobs/{digest}").content == b""


@pytest.mark.parametrize(
    "name",
    [
        *("..%2F..%2Flapwise.db", "%2e%2e", "..", "%252e%252e%252flapwise.db", "..%5clapwise.db"),
        *("%2Fetc%2Fpasswd", "file:%2F%2F%2Fetc%2Fpasswd", "tmp", "anchors", "uploads", "%00"),
        *(DIGEST.upper(), DIGEST[:-1], DIGEST + "0", DIGEST + "%00", DIGEST + "%0a", " " + DIGEST),
        *(DIGEST + "%2F..%2F..%2Flapwise.db", "０" * 64, "*", DIGEST[:2] + "%2F" + DIGEST),
    ],
)
def test_only_a_digest_names_a_blob(asked: httpx.Client, home: Path, name: str) -> None:
    """Reading, writing, appending, removing: whatever else is said never becomes a path."""
    before = files(home)
    answers = [
        asked.get(f"/blobs/{name}"),
        asked.head(f"/blobs/{name}"),
        asked.get(f"/blobs/{name}/upload"),
        asked.put(f"/blobs/{name}", content=b"x"),
        append(asked, b"x", 0, 1, name),
        asked.delete(f"/blobs/{name}"),
    ]
    assert all(400 <= answer.status_code < 500 or answer.status_code == 503 for answer in answers)
    assert all(b"SQLite" not in answer.content for answer in answers)
    assert files(home) == before


@pytest.mark.parametrize("name", ["..%2Fx", "..", "%2e%2e%2fx", ".hidden", "a%2Fb", "", "x" * 300])
def test_an_anchor_has_a_plain_name(asked: httpx.Client, home: Path, name: str) -> None:
    """And is written once."""

    def put(name: str, content: bytes) -> int:
        headers = {"content-type": "application/octet-stream"}
        return asked.put(f"/anchors/{name}", content=content, headers=headers).status_code

    before = files(home)
    assert put(name, b"x") in {400, 404, 405}
    assert files(home) == before
    assert put("head-1", b"one") == 204
    assert put("head-1", b"two") == 409
    assert put("head-1", b"x" * 70_000) == 413


def test_numbers_that_are_none_are_refused(asked: httpx.Client) -> None:
    """Offsets and lengths from zero, and no blob beyond what a server takes."""
    for offset, length in ((-1, 5), (0, -5), ("x", 5), (0, 1 << 80), (1 << 80, 5), (0, 1 << 62)):
        answer = append(asked, b"x", offset, length, digest_bytes(b"x"))  # type: ignore[arg-type]
        assert answer.status_code == 400, (offset, length)
    assert asked.patch(f"/blobs/{DIGEST}/upload", content=b"x").status_code in {400, 415}


def test_a_piece_that_breaks_off_stays_as_far_as_it_came(asked: httpx.Client, home: Path) -> None:
    """The next piece goes on there, and whoever is stuck is in nobody's way afterwards."""
    content = os.urandom(2 << 20)
    digest = digest_bytes(content)
    url = httpx.URL(asked.base_url)
    with socket.create_connection((url.host, url.port or 0)) as broken:
        head = (
            f"PATCH /api/v1/blobs/{digest}/upload HTTP/1.1\r\nHost: 127.0.0.1:{url.port}\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {len(content)}\r\n"
            f"Upload-Offset: 0\r\nUpload-Length: {len(content)}\r\n\r\n"
        )
        broken.sendall(head.encode() + content[: 1 << 20])
        while not asked.get(f"/blobs/{digest}/upload").json()["size"]:
            time.sleep(0.05)
        busy = append(asked, content, 0, len(content), digest)
        assert busy.status_code == 409
    deadline = time.monotonic() + 60
    while True:
        come = asked.get(f"/blobs/{digest}/upload").json()["size"]
        if append(asked, content[come:], come, len(content), digest).status_code == 200:
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert come > 0
    assert asked.get(f"/blobs/{digest}").content == content


SEND = """
import sys, threading, time, psutil
from pathlib import Path
from lapwise.store.remote import open_remote

url, act, what = sys.argv[1:4]
me = psutil.Process()
with open_remote(url) as store:
    store.audit.head()
    before = peak = me.memory_info().rss
    done = threading.Event()

    def watch():
        global peak
        while not done.wait(0.01):
            peak = max(peak, me.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    if act == "send":
        print("digest", store.blobs.put_file(Path(what)))
    else:
        print("path", store.blobs.path(what))
    done.set()
    watcher.join()
    print("growth", peak - before)
"""
LIMIT = 64 << 20


class Serving:
    """A server on a fixed port that may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self._where = f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs"
        self.port = fixed_port()
        self.growth = 0
        self.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def start(self) -> None:
        command = [sys.executable, str(PROCESS), *self._where, str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        self.process.stdout.readline()
        httpx.post(
            f"http://127.0.0.1:{self.port}/api/v1/store/audit/head", json={}, trust_env=False
        ).raise_for_status()
        self.process.stdout.close()
        self._seen = psutil.Process(self.process.pid)
        self._before = self._seen.memory_info().rss

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def _watch(self) -> None:
        while True:
            try:
                self.growth = max(self.growth, self._seen.memory_info().rss - self._before)
            except psutil.NoSuchProcess:
                time.sleep(0.05)
            time.sleep(0.01)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_five_gigabytes_arrive_in_constant_memory_through_two_kills(
    tmp_path: Path, sqlite_template: Path
) -> None:
    """The client is killed, then the server; only the rest is sent, and both stay small."""
    size = 5_000_000_000
    shutil.copy(sqlite_template, tmp_path / "lapwise.db")
    large = tmp_path / "large"
    block = os.urandom(64 << 20)
    with large.open("wb") as file:
        for turn in range(-(-size // len(block))):
            rest = block[turn:] + block[:turn]
            file.write(rest[: size - file.tell()])
    server = Serving(tmp_path)
    uploads = tmp_path / "blobs" / "uploads"

    def start(act: str, what: str) -> subprocess.Popen[str]:
        url = f"http://127.0.0.1:{server.port}"
        return subprocess.Popen(
            [sys.executable, "-c", SEND, url, act, what],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
        )

    def come() -> int:
        return sum(path.stat().st_size for path in uploads.glob("*"))

    def until(share: float) -> None:
        while come() < size * share:
            assert client.poll() is None
            time.sleep(0.01)

    def ended(process: subprocess.Popen[str]) -> tuple[str, int]:
        told = process.communicate(timeout=800)[0]
        assert process.returncode == 0
        found = re.fullmatch(r"(?:digest|path) (\S+)\ngrowth (\d+)\n", told)
        assert found is not None
        return found.group(1), int(found.group(2))

    client = start("send", str(large))
    until(0.25)
    client.kill()
    client.communicate()
    at = come()
    assert at >= size * 0.25
    client = start("send", str(large))
    until(0.5)
    server.kill()
    assert come() >= size * 0.5
    server.start()
    digest, growth = ended(client)
    assert growth <= LIMIT, growth
    assert server.growth <= LIMIT, server.growth
    large.unlink()
    path, growth = ended(start("fetch", digest))
    assert Path(path).stat().st_size == size
    assert growth <= LIMIT, growth
    assert server.growth <= LIMIT, server.growth
    server.kill()
