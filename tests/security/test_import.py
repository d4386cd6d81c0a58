"""A server that means no good to whoever imports from it, and a database that names others' files."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lapwise.core.digest import digest_bytes
from lapwise.core.errors import LapwiseError, ModelError
from lapwise.loop.importing import bring, open_source
from lapwise.registry.mlmodel import read_signature
from lapwise.store.model import Store

RUN = "0123456789abcdef0123456789abcdef"
NAMES = ("../../evil", "/etc/evil", "a/../../evil", "..\\evil", "good.txt", "evil\0", "a//b", ".")


class Hostile(BaseHTTPRequestHandler):
    """Answers as MLflow does, but for what ``evil`` names."""

    evil = ""
    asked: list[str]

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer a search."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        if "experiments/search" in self.path:
            self._say({"experiments": [{"experiment_id": "1", "name": "imported"}]})
        elif "runs/search" in self.path:
            more = {"next_page_token": "again"} if self.evil == "circle" else {}
            self._say({"runs": [self._run()], **more})
        else:
            self._say({})

    def do_GET(self) -> None:
        """Answer a question, or with bytes."""
        self.asked.append(self.path)
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path.endswith("runs/get"):
            self._say({"run": self._run()})
        elif path.endswith("artifacts/list"):
            deep = query.get("path", [""])[0]
            names = [f"{deep}/d".lstrip("/")] if self.evil == "deep" else NAMES
            self._say(
                {
                    "files": [
                        {"path": one, "is_dir": self.evil == "deep", "file_size": 4}
                        for one in names
                    ]
                }
            )
        elif path == "/get-artifact" and self.evil == "redirect":
            self.send_response(302)
            self.send_header("location", "file:///etc/passwd")
            self.end_headers()
        elif path == "/get-artifact":
            self._bytes(b"x" * (10 << 20) if self.evil == "large" else b"good")
        else:
            self._say({})

    def _run(self) -> dict[str, Any]:
        info = {
            "run_id": RUN, "experiment_id": "1", "status": "FINISHED", "start_time": 1,
            "artifact_uri": "file:///etc" if self.evil == "local" else "s3://bucket/x",
        }  # fmt: skip
        tags = [{"key": "t", "value": "\0" if self.evil == "nul" else "v"}]
        return {"info": info, "data": {"tags": tags}}

    def _say(self, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        if self.evil == "bomb":
            body = gzip.compress(b" " * (600 << 20), 1)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        if self.evil == "bomb":
            self.send_header("content-encoding", "gzip")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _bytes(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def hostile(evil: str) -> Iterator[tuple[str, list[str]]]:
    """Run a server that is evil in one way."""
    kind = type("Evil", (Hostile,), {"evil": evil, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", kind.asked  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("evil", ["", "local", "deep", "circle", "large", "redirect", "nul"])
def test_what_a_server_says_harms_nobody(sqlite_store: Store, tmp_path: Path, evil: str) -> None:
    before = set(tmp_path.iterdir())
    with hostile(evil) as (url, asked):
        source = open_source(url)
        found = bring(sqlite_store, source, actor="ada")
        source.close()
    assert found.problems
    assert len(asked) < 1000
    kept = sqlite_store.runs.list()
    names = {one.name for run in kept for one in sqlite_store.runs.artifacts(run.id)}
    assert names <= {"good.txt"}
    assert names or evil not in {"", "local", "circle"}
    assert not sqlite_store.blobs.has(digest_bytes(Path("/etc/passwd").read_bytes()))
    assert set(tmp_path.iterdir()) - before <= {tmp_path / "blobs"}


def test_an_answer_that_unpacks_without_end_is_given_up(sqlite_store: Store) -> None:
    with hostile("bomb") as (url, _):
        source = open_source(url)
        with pytest.raises(LapwiseError, match="without end"):
            bring(sqlite_store, source, actor="ada")
        source.close()


@pytest.mark.parametrize(
    "content",
    [
        b"signature: !!python/object/apply:os.system ['touch /tmp/stolen-by-a-description']",
        b"signature:\n  inputs: !!python/object/new:os.system [x]\n",
        b"a: &a [x,x]\nb: &b [*a,*a]\nsignature:\n  inputs: '[]'\n",
        b"signature:\n  inputs: *nothing\n",
        b"[" * 100_000,
        b"signature: {inputs: '" + b"[" * 100_000 + b"'}",
        b"\xff\xfe",
        b"%TAG ! tag:yaml.org,2002:python/\n---\nsignature: !object/apply:os.system [x]",
    ],
)
def test_a_models_description_builds_no_object(content: bytes) -> None:
    try:
        found = read_signature(content)
    except ModelError:
        pass
    else:
        assert not found.inputs
    assert not Path("/tmp/stolen-by-a-description").exists()
