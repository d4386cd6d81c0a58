"""One payload to one place: no redirect, no proxy, no second look at a name, no waiting for ever."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from lapwise.server.webhooks import posting
from lapwise.server.webhooks.posting import Outcome, post
from tests.server.webhooks.conftest import Received, receiving

LOOK = socket.getaddrinfo


def send(url: str, *allowed: str, seconds: float = 5.0) -> Outcome:
    said = {"webhook-id": "e1", "x-more": "7"}
    return asyncio.run(post(url, b'{"a":1}', said, allowed=frozenset(allowed), seconds=seconds))


def test_a_payload_arrives_as_it_is(receiver: Received) -> None:
    """At the path and query that the URL says, with the headers that were given."""
    outcome = send(receiver.url("ok/a%20b/c?d=e&f=%2F"), "127.0.0.1")
    assert outcome == Outcome(taken=True, final=False, said="204")
    (note,) = receiver.notes()
    assert (note["path"], note["body"]) == ("/ok/a%20b/c?d=e&f=%2F", '{"a":1}')
    headers = {name.lower(): value for name, value in note["headers"].items()}
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert headers["content-type"] == "application/json"
    assert (headers["webhook-id"], headers["x-more"]) == ("e1", "7")


def test_what_leads_inside_gets_nothing(receiver: Received) -> None:
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "127.1"):
        outcome = send(receiver.url("ok", host))
        assert not outcome.taken
        assert outcome.said.startswith(("refused", "the host's name"))
    assert receiver.notes() == []


def test_a_redirect_is_not_followed(receiver: Received) -> None:
    """Even to a host that is allowed."""
    outcome = send(receiver.url("redirect"), "127.0.0.1")
    assert (outcome.taken, outcome.said) == (False, "307: redirects are not followed")
    assert [note["path"] for note in receiver.notes()] == ["/redirect"]


def test_answers_that_are_none(receiver: Received, tmp_path: Path) -> None:
    outcomes = {
        path: send(receiver.url(path), "127.0.0.1", seconds=3.0)
        for path in ("fail", "gone", "garbage", "headers")
    }
    assert outcomes["fail"] == Outcome(taken=False, final=False, said="500")
    assert outcomes["gone"] == Outcome(taken=False, final=True, said="410")
    for path in ("garbage", "headers"):
        assert not outcomes[path].taken
        assert outcomes[path].said.startswith("no answer")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}/", "127.0.0.1").said == "no connection"
    assert send("http://nobody.invalid/").said == "the host's name was not found"


@pytest.mark.parametrize("path", ["hang", "drip"])
def test_a_slow_answer_is_not_waited_for(receiver: Received, path: str) -> None:
    begun = time.monotonic()
    outcome = send(receiver.url(path), "127.0.0.1", seconds=0.5)
    assert outcome.said == "no answer within 0.5 s"
    assert time.monotonic() - begun < 30


def test_a_huge_answer_is_not_read(receiver: Received) -> None:
    """Its status counts, and memory does not grow by it."""
    tracemalloc.start()
    try:
        assert send(receiver.url("huge"), "127.0.0.1").taken
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30_000_000


def test_a_name_is_looked_up_once_and_that_very_address_is_used(
    receiver: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere the second time changes nothing."""
    answers = ["127.0.0.1"]

    def look(host: Any, *more: Any, **given: Any) -> Any:
        if host in {"hook.example", b"hook.example"}:
            return LOOK(answers.pop(0), *more, **given)
        return LOOK(host, *more, **given)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    assert send(receiver.url("ok", "hook.example"), "hook.example").taken
    assert answers == []
    assert receiver.notes()[0]["headers"]["host"] == f"hook.example:{receiver.port}"
    answers[:] = ["198.41.0.4", "127.0.0.1"]  # public first, then inside
    outcome = send(receiver.url("ok", "hook.example"), seconds=0.5)
    assert not outcome.taken
    assert answers == ["127.0.0.1"]
    assert len(receiver.notes()) == 1


def test_no_proxy_is_asked(receiver: Received, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would look the name up again, and where it likes."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    assert send(receiver.url("ok"), "127.0.0.1").taken


def test_a_certificate_must_be_of_the_host_that_was_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not of the address that it has."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=hook",
         "-addext", "subjectAltName=DNS:hook.example"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip

    def look(host: Any, *more: Any, **given: Any) -> Any:
        return LOOK("127.0.0.1" if str(host).endswith(".example") else host, *more, **given)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    certificate, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    allowed = ("hook.example", "other.example")
    with receiving(tmp_path, certificate, key) as receiver:

        def taken(host: str) -> bool:
            posting._trust.cache_clear()
            return send(f"https://{host}:{receiver.port}/ok", *allowed).taken

        assert not taken("hook.example")  # nobody trusts it yet
        monkeypatch.setenv("SSL_CERT_FILE", certificate)
        assert taken("hook.example")
        assert not taken("other.example")
        assert len(receiver.notes()) == 1
    posting._trust.cache_clear()
