"""A store over HTTP, beyond what it shares with every store: networks, versions, tokens."""

from __future__ import annotations

import math
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import (
    ConflictError,
    CorruptError,
    DeclarationError,
    NotFoundError,
    SchemaError,
    StoreError,
)
from lapwise.core.model import Metric, Tag
from lapwise.store.model import Store
from lapwise.store.remote import open_remote
from tests.ports import fixed_port
from tests.store import making
from tests.store.behind import Behind
from tests.store.conftest import Place
from tests.store.cutting import Cutting, cutting

BLOB = os.urandom(1 << 20) * 3


@pytest.fixture
def kept(sqlite_place: Place) -> Iterator[Store]:
    """The store that the server has."""
    with sqlite_place.open() as store:
        yield store


@pytest.fixture
def proxy(
    kept: Store, server: Behind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cutting]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with server.serving(kept) as address, cutting(address) as proxy:
        yield proxy


@pytest.fixture
def remote(proxy: Cutting) -> Iterator[Store]:
    with open_remote(proxy.url, patience=10) as store:
        store.audit.head()  # the versions are compared
        yield store


def serve(handler: type[BaseHTTPRequestHandler]) -> tuple[HTTPServer, str]:
    other = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    return other, f"http://127.0.0.1:{other.server_port}"


def test_what_was_done_before_a_cut_is_not_done_again(proxy: Cutting, remote: Store) -> None:
    """The server did it, the answer was lost, and it is asked again: once each, and no conflict."""
    run = remote.runs.create(making.run())
    for cuts in (1, 2):
        proxy.cuts = cuts
        remote.runs.log(run.id, metrics=[Metric(name="loss", value=1.0, step=cuts)])
        proxy.cuts = cuts
        assert remote.experiments.create(f"e{cuts}", at=1).name == f"e{cuts}"
        proxy.cuts = cuts
        remote.audit.append(making.act(action=f"a{cuts}"))
        assert proxy.cuts == 0
    assert [one.step for one in remote.runs.history(run.id, "loss")] == [1, 2]
    assert [one.action for one in remote.audit.entries()] == ["a1", "a2"]
    with pytest.raises(ConflictError):
        remote.experiments.create("e1", at=2)


def test_a_move_whose_answer_was_lost_is_one_move(proxy: Cutting, remote: Store) -> None:
    """Asked again it would find the version elsewhere."""
    version = remote.models.add(making.version(), making.act())
    proxy.cuts = 1
    entry = remote.models.move([making.move(version, "none", "staging")], making.act("move"))
    assert remote.audit.head() == entry
    assert remote.models.get(version.id).stage == "staging"


def test_a_lease_whose_answer_was_lost_is_ours(proxy: Cutting, remote: Store) -> None:
    """Not a foreign holder that one waits for."""
    proxy.cuts = 1
    with remote.leases.hold("lap:a") as lease:
        assert lease.token == 1
        with pytest.raises(ConflictError, match=f"{os.getpid()}@"), remote.leases.hold("lap:a"):
            pass


def test_an_upload_goes_on_after_cuts(proxy: Cutting, remote: Store, tmp_path: Path) -> None:
    """Whatever breaks, the bytes arrive, and come back."""
    path = tmp_path / "file"
    path.write_bytes(BLOB)
    proxy.cuts = 3
    digest = remote.blobs.put_file(path)
    assert remote.blobs.size(digest) == len(BLOB)
    proxy.cuts, proxy.cut_after = 2, 1 << 20
    assert remote.blobs.path(digest).read_bytes() == BLOB
    assert proxy.cuts == 0


def test_two_who_send_the_same_make_one_blob(proxy: Cutting, kept: Store, tmp_path: Path) -> None:
    """At the same time, from two clients; nothing is left of it but the blob."""
    path = tmp_path / "file"
    path.write_bytes(BLOB * 12)
    expected = digest_bytes(path.read_bytes())
    found: list[str] = []

    def send() -> None:
        with open_remote(proxy.url) as store:
            found.append(store.blobs.put_file(path))

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3
    assert kept.blobs.path(expected).stat().st_size == len(BLOB) * 12
    assert list(kept.blobs.digests()) == [expected]


def test_a_beginning_that_another_spoilt_is_sent_anew(
    remote: Store, kept: Store, tmp_path: Path
) -> None:
    """Nobody can keep a blob away by sending rubbish under its digest."""
    path = tmp_path / "file"
    path.write_bytes(BLOB)
    digest = digest_bytes(BLOB)
    for rubbish in (b"rubbish", b"x" * (len(BLOB) + 1)):
        with kept.blobs.uploads().receive(digest, 0) as receiving:
            receiving.write(rubbish)
        assert remote.blobs.put_file(path) == digest
        assert remote.blobs.get(digest) == BLOB
        kept.blobs.remove(digest)


def test_a_file_that_is_not_what_is_said_is_refused(remote: Store, tmp_path: Path) -> None:
    """Small or large; and nothing of it stays."""
    for content in (b"small", BLOB):
        path = tmp_path / "file"
        path.write_bytes(content)
        with pytest.raises(CorruptError):
            remote.blobs.put_file(path, expected=making.digest("other"))
        assert not remote.blobs.has(making.digest("other"))


def test_a_server_that_stays_away_is_an_error() -> None:
    """After a while; it says where the server should be."""
    port = fixed_port()
    started = time.monotonic()
    with (
        open_remote(f"http://127.0.0.1:{port}", patience=0.5) as store,
        pytest.raises(StoreError, match="does not answer"),
    ):
        store.runs.list()
    assert time.monotonic() - started < 30


def test_another_version_is_said_to_be_one() -> None:
    """Before the first call."""

    class Newer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"api": 99, "lapwise": "9.9"}')

        def log_message(self, *_: object) -> None:
            pass

    other, url = serve(Newer)
    with open_remote(url) as store, pytest.raises(SchemaError, match=r"lapwise==9\.9"):
        store.runs.list()
    other.shutdown()
    other.server_close()


def test_what_is_no_store_is_said_to_be_none() -> None:
    """A web server, but not ours."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    other, url = serve(Silent)
    with open_remote(url) as store, pytest.raises(StoreError, match="no store of Lapwise"):
        store.runs.list()
    other.shutdown()
    other.server_close()


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org", "http://10.0.0.1:5000", "https://user:secret@example.org"),
        *("https://", "https://example.org?a=b", "https://example.org#x", "https://h:port"),
        *("ftp://example.org", "http://127.0.0.1.example.org"),
    ],
)
def test_an_unsafe_address_is_refused(url: str) -> None:
    """A token goes nowhere unprotected; and no secret shows in the error."""
    with pytest.raises(DeclarationError) as caught:
        open_remote(url, "lw_secret")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"])
def test_this_machine_needs_no_protection(url: str) -> None:
    """What is sent to it leaves it not."""
    open_remote(url, "lw_secret").close()
    open_remote("https://example.org/prefix/", "lw_secret").close()


def test_errors_are_what_they_were(remote: Store, kept: Store, tmp_path: Path) -> None:
    """Class, clause, and the value that was asked for."""
    for store in (remote, kept):
        with pytest.raises(NotFoundError) as missing:
            store.runs.get("no-such-run")
        assert "'no-such-run'" in str(missing.value)
        with pytest.raises(DeclarationError, match=r"arguments?|filter|where|column"):
            store.runs.search("metrics.a >")
    with pytest.raises(DeclarationError, match="argument 'limit' of runs/list"):
        remote.runs.list(limit="many")  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="cannot be sent"):
        remote.runs.list("\ud800")
    with pytest.raises(StoreError, match="cannot be sent"):
        remote.audit.entries(after=1 << 70)


def test_what_ails_the_server_shows_no_path_of_it(
    remote: Store, kept: Store, sqlite_place: Place
) -> None:
    """The class comes through; where it happened does not."""
    shutil.rmtree(sqlite_place.blobs, ignore_errors=True)
    Path(sqlite_place.blobs).write_text("in the way")
    with pytest.raises(StoreError) as caught:
        remote.blobs.put(b"x")
    assert sqlite_place.blobs not in str(caught.value)


def test_floats_that_are_no_numbers_travel(remote: Store) -> None:
    """NaN and the infinities, as metrics and in records."""
    run = remote.runs.create(making.run())
    values = [math.nan, math.inf, -math.inf, -0.0, 5e-324]
    remote.runs.log(
        run.id, metrics=[Metric(name="m", value=v, step=i) for i, v in enumerate(values)]
    )
    found = [one.value for one in remote.runs.history(run.id, "m")]
    assert str(found) == str(values)
    remote.records.add("metric", making.digest("x"), Metric(name="m", value=math.nan))
    record = remote.records.get("metric", making.digest("x"), Metric)
    assert isinstance(record, Metric)
    assert math.isnan(record.value)


def test_a_client_loads_no_database(proxy: Cutting) -> None:
    """What a bare installation lacks is not needed."""
    code = """
import sys
for name in ("sqlalchemy", "alembic", "obstore", "polars", "litestar", "uvicorn", "numpy"):
    sys.modules[name] = None
from lapwise.store.open import open_store
with open_store(sys.argv[1], "") as store:
    store.experiments.create("churn", at=1)
    print(store.experiments.search().items[0].name, store.blobs.get(store.blobs.put(b"x")))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, proxy.url], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout == "churn b'x'\n"


def test_many_threads_share_a_client(remote: Store) -> None:
    """One pool of connections, whoever calls."""
    run = remote.runs.create(making.run())

    def log(worker: int) -> None:
        for step in range(5):
            remote.runs.log(run.id, tags=[Tag(name=f"{worker}.{step}", value="x")])

    threads = [threading.Thread(target=log, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(remote.runs.tags([run.id])[run.id]) == 40


def test_a_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an unknown authority it is refused; `SSL_CERT_FILE` makes one known."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.fail("openssl is not installed: apt-get install openssl", pytrace=False)
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-keyout", str(key), "-out", str(certificate), "-days", "1"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)

    class Store1(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"api": 1, "lapwise": "0"}')

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"\x90")

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    other = HTTPServer(("127.0.0.1", 0), Store1)
    other.socket = context.wrap_socket(other.socket, server_side=True)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{other.server_port}"
    with (
        open_remote(url, "lw_secret", patience=1) as store,
        pytest.raises(StoreError, match="SSL_CERT_FILE"),
    ):
        store.runs.list()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with open_remote(url, "lw_secret", patience=1) as store:
        assert store.runs.list() == []
    other.shutdown()
    other.server_close()
