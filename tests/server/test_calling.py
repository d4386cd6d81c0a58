"""The calls of the store over HTTP, from a real server process."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from lapwise.core.model import Metric, Run
from lapwise.server.limits import LARGEST_CALL
from lapwise.store.calls import API_VERSION, calls
from tests.server.conftest import running

JSON = {"content-type": "application/json"}
MSGPACK = {"content-type": "application/msgpack"}


@pytest.fixture(scope="module")
def asked(
    tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path
) -> Iterator[httpx.Client]:
    """A client of a server with a store of this file's own."""
    folder = tmp_path_factory.mktemp("calling")
    shutil.copy(sqlite_template, folder / "lapwise.db")
    with (
        running(f"sqlite:///{folder}/lapwise.db", f"{folder}/blobs") as address,
        httpx.Client(base_url=f"{address}/api/v1/store", trust_env=False) as client,
    ):
        yield client


def test_the_version_is_said_first(asked: httpx.Client) -> None:
    """A client compares it before its first call."""
    assert asked.get("").json() == {"api": API_VERSION, "lapwise": "0.1.0"}


def test_people_speak_json(asked: httpx.Client) -> None:
    """Arguments by name, answers as records; what is left out has its default."""
    run = {"id": "r1", "number": 0, "experiment": "people", "status": "running", "started": 1}
    made = asked.post("/runs/create", json={"run": run})
    assert made.status_code == 200
    assert made.headers["content-type"] == "application/json"
    assert made.json()["number"] >= 1
    assert (
        asked.post("/runs/list", json={"experiment": "people", "limit": 1}).json()[0]["id"] == "r1"
    )
    assert "r1" in {one["id"] for one in asked.post("/runs/list", headers=JSON).json()}
    assert asked.post("/runs/log", json={"run": "r1"}).json() is None


def test_programs_speak_messagepack(asked: httpx.Client) -> None:
    """Which can say NaN; and either may be asked for, whatever was sent."""
    encode = msgspec.msgpack.encode
    run = Run(id="r2", number=0, experiment="churn", status="running", started=1)
    made = asked.post("/runs/create", content=encode({"run": run}), headers=MSGPACK)
    assert made.headers["content-type"] == "application/msgpack"
    metrics = [Metric(name="loss", value=math.nan)]
    body = encode({"run": "r2", "metrics": metrics})
    assert asked.post("/runs/log", content=body, headers=MSGPACK).status_code == 200
    body = encode({"run": "r2", "metric": "loss"})
    told = asked.post("/runs/history", content=body, headers=MSGPACK).content
    assert math.isnan(msgspec.msgpack.decode(told, type=list[Metric])[0].value)
    seen = asked.post(
        "/runs/history", content=body, headers={**MSGPACK, "accept": "application/json"}
    )
    assert seen.json() == [{"name": "loss", "value": None, "step": 0, "at": 0}]


@pytest.mark.parametrize(
    ("call", "body", "clause"),
    [
        ("runs/list", {"limit": "many"}, "argument 'limit' of runs/list cannot be used"),
        ("runs/list", {"limit": -1}, "argument 'limit' of runs/list cannot be used"),
        ("runs/list", {"limit": 10**9}, "argument 'limit' of runs/list cannot be used"),
        ("runs/list", {"nonsense": 1}, "the arguments of runs/list cannot be used"),
        ("runs/get", {}, "the arguments of runs/get cannot be used"),
        ("runs/get", [], "the arguments of runs/get cannot be used"),
        ("runs/create", {"run": {"id": 7}}, "argument 'run.id' of runs/create cannot be used"),
        (
            "runs/finish",
            {"run": "r", "status": "<script>", "ended": 1},
            "argument 'status' of runs/finish cannot be used",
        ),
    ],
)
def test_a_wrong_argument_is_named(asked: httpx.Client, call: str, body: Any, clause: str) -> None:
    """And its value is not sent back."""
    answer = asked.post(f"/{call}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"] == clause
    assert answer.json()["kind"] == "DeclarationError"
    assert "<script>" not in answer.text


@pytest.mark.parametrize("body", [b"{", b"\xff\xff", b"[" * 100_000, b'{"limit": 1' + b"0" * 400])
def test_rubbish_is_refused(asked: httpx.Client, body: bytes) -> None:
    """Neither depth nor length of a number brings the server down."""
    for kind in (JSON, MSGPACK):
        answer = asked.post("/runs/list", content=body, headers=kind)
        assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""],
)
def test_what_any_page_can_send_is_refused(asked: httpx.Client, kind: str) -> None:
    """A foreign page can make a browser send these without asking."""
    headers = {"content-type": kind} if kind else {}
    assert asked.post("/runs/list", content=b"{}", headers=headers).status_code == 415


def test_a_large_body_is_refused(asked: httpx.Client) -> None:
    """Before it is read, and while."""
    body = b'{"where": "' + b" " * LARGEST_CALL + b'"}'
    assert asked.post("/runs/search", content=body, headers=JSON).status_code == 413
    pieces = (body[start : start + 65536] for start in range(0, len(body), 65536))
    try:
        status = asked.post("/runs/search", content=pieces, headers=JSON).status_code
    except httpx.TransportError:  # the server closes while we still send
        status = 413
    assert status == 413
    assert asked.post("/runs/list", json={}).status_code == 200


@pytest.mark.parametrize("call", ["runs/nonsense", "nonsense/list", "records/add", "runs/__init__"])
def test_other_calls_are_not_there(asked: httpx.Client, call: str) -> None:
    """Nothing of an object can be called but what the Protocols say."""
    answer = asked.post(f"/{call}", json={})
    assert answer.status_code == 404
    assert answer.json()["error"] == "the store has no such call"


def test_errors_keep_their_class_and_their_status(asked: httpx.Client) -> None:
    """Not found, conflict; the argument is named, and its value not sent back."""
    missing = asked.post("/experiments/get", json={"reference": "no-such"})
    assert missing.status_code == 404
    assert missing.json()["kind"] == "NotFoundError"
    assert missing.json()["argument"] == "reference"
    asked.post("/experiments/create", json={"name": "twice", "at": 1})
    taken = asked.post("/experiments/create", json={"name": "twice", "at": 2})
    assert (taken.status_code, taken.json()["kind"]) == (409, "ConflictError")


def test_an_act_with_an_id_is_done_once(asked: httpx.Client) -> None:
    """However often it arrives; without an id each is another."""
    act = {"at": 1, "actor": "a", "action": "x", "subject": "once"}
    drafts = [{**act, "id": "1"}, {**act, "id": "1"}, act, act]
    answers = [asked.post("/audit/append", json={"draft": draft}).json() for draft in drafts]
    first = answers[0]["sequence"]
    assert [one["sequence"] for one in answers] == [first, first, first + 1, first + 2]


def test_every_call_is_described(asked: httpx.Client) -> None:
    """With what it takes and gives, from the types that check it."""
    described = asked.get(str(asked.base_url).replace("/store/", "/openapi.json")).json()
    for call in calls():
        post = described["paths"][f"/api/v1/store/{call.name}"]["post"]
        taken = post["requestBody"]["content"]["application/json"]["schema"]
        assert taken == {"$ref": f"#/components/schemas/{call.request.__name__}"}
        assert set(post["requestBody"]["content"]) == {"application/json", "application/msgpack"}
        schema = described["components"]["schemas"][call.request.__name__]
        assert set(schema.get("properties", {})) == set(call.request.__struct_fields__)
        assert set(post["responses"]) >= {"200", "400", "403", "404", "409"}
    for path in ("/blobs/{digest}", "/blobs/{digest}/upload", "/anchors", "/store"):
        assert f"/api/v1{path}" in described["paths"]
