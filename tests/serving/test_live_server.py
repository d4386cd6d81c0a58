"""A real server over real sockets: what it answers, logs, refuses and counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from lapwise.core.prediction import Feedback
from tests.serving.running import INFER, Server
from tests.serving.toys import AT, HOUR, carried, deployment, features, lay, toy

SECRET = "s3cret-valu3"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served here")
    lay(folder, deployment(), toy(1))
    with Server(folder) as running:
        yield running


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("replayed")
    lay(folder, deployment(), toy(1))
    with Server(folder, replay=True) as running:
        yield running


# ── answers and what is logged ──────────────────────────────────────────────────────────────────


def test_features_are_looked_up_and_the_answer_is_logged_before_it_is_given(
    replay: Server,
) -> None:
    inputs = carried(2, carrier=["UA", "never seen"], distance=[1_000, None])
    outputs = replay.outputs(inputs, id="q-1", parameters={"at": AT})
    assert outputs["score"] == pytest.approx([0.11, 0.01])
    assert outputs["decision"] == [False, False]
    assert outputs["prediction_id"] == ["q-1.0", "q-1.1"]
    assert outputs["model_version"] == ["1", "1"]
    assert outputs["arm"] == ["production", "production"]
    (entry,) = [one for one in replay.answered() if one.request == "q-1"]
    assert (entry.at, entry.revision) == (AT, 1)
    assert (entry.rows, entry.units) == (("F0", "F1"), ("N0", "N1"))
    assert entry.inputs["scheduled"] == [AT + 2 * HOUR] * 2
    assert entry.unseen == {"carrier": 1}
    assert entry.looked_up
    (answer,) = entry.answers
    assert answer.features == {
        "distance": [1_000, None],
        "hour": [(AT + 2 * HOUR) // HOUR % 24] * 2,
        "carrier": ["UA", "never seen"],
    }
    assert answer.scores == outputs["score"]
    assert entry.microseconds > 0


def test_an_instant_may_be_written_in_iso(replay: Server) -> None:
    moment = {
        "name": "scheduled",
        "datatype": "BYTES",
        "shape": [1],
        "data": ["2013-04-03T16:40:00Z"],
    }
    inputs = [moment if one["name"] == "scheduled" else one for one in carried()]
    assert replay.ask(inputs, id="iso", parameters={"at": "2013-04-03T14:40Z"}).status_code == 200
    (entry,) = [one for one in replay.answered() if one.request == "iso"]
    assert entry.at == AT
    assert entry.inputs["scheduled"] == [AT + 2 * HOUR]


def test_what_is_not_known_yet_is_not_seen(replay: Server) -> None:
    """The same question as of two instants has two answers' features."""
    for name, at in (("before", AT), ("after", AT + 3 * HOUR)):
        replay.outputs(carried(), id=name, parameters={"at": at})
    hours = {
        one.request: one.answers[0].features["hour"]
        for one in replay.answered()
        if one.request in {"before", "after"}
    }
    assert hours["before"] != [None]
    assert hours["after"] == [None]


def test_features_may_be_given_instead(server: Server) -> None:
    named = {"name": "flight_id", "datatype": "INT64", "shape": [2], "data": [7, 8]}
    outputs = server.outputs([*features(2), named], id="given")
    assert outputs["score"] == pytest.approx([0.11, 0.11])
    (entry,) = [one for one in server.answered() if one.request == "given"]
    assert not entry.looked_up
    assert entry.inputs == {}
    assert entry.rows == ("7", "8")
    assert entry.answers[0].features["hour"] == [7.0, 7.0]


def test_metadata_tells_what_a_request_carries(server: Server) -> None:
    told = server.client.get("/v2/models/flight-delay").json()
    assert [(one["name"], one["datatype"]) for one in told["inputs"]] == [
        ("carrier", "BYTES"),
        ("distance", "INT64"),
        ("scheduled", "INT64"),
        ("tailnum", "BYTES"),
    ]
    assert [one["name"] for one in told["features"]] == ["distance", "hour", "carrier"]
    assert told["outputs"][-1]["name"] == "arm"
    assert server.client.get("/v2/models").json() == {"models": ["flight-delay"]}
    ready = server.client.get("/v2/models/flight-delay/versions/1/ready").json()
    assert ready == {"name": "flight-delay", "ready": True}


def test_a_request_that_is_sent_again_is_answered_the_same_and_logged_once(server: Server) -> None:
    body = msgspec.json.encode({"id": "again", "inputs": carried()})
    first, second = (server.client.post(INFER, content=body) for _ in range(2))
    assert first.content == second.content
    assert first.json()["id"] == "again"
    assert sum(one.request == "again" for one in server.answered()) == 1


def test_another_request_under_the_same_id_is_refused(server: Server) -> None:
    server.outputs(carried(), id="mine")
    assert server.ask(carried(2), id="mine").status_code == 409


# ── refusals ────────────────────────────────────────────────────────────────────────────────────

REFUSED: dict[str, tuple[bytes, int, str]] = {
    "malformed": (b'{"inputs": [', 400, "JSON"),
    "nan": (b'{"inputs":[{"name":"distance","data":[NaN]}]}', 400, "'distance' holds NaN"),
    "infinite": (b'{"inputs":[{"name":"s3cret-valu3","data":[[-Infinity]]}]}', 400,
                 "number 1 holds NaN or Infinity"),
    "too deep": (b'{"inputs":[{"data":' + b"[" * 100_000, 400, "JSON"),
    "no inputs": (b"{}", 400, "inputs"),
    "too large": (b" " * (16 * 1024 * 1024 + 1), 413, "at most"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_body_that_cannot_be_read_is_refused(server: Server, case: str) -> None:
    body, status, named = REFUSED[case]
    answer = server.client.post(INFER, content=body)
    assert answer.status_code == status
    assert named in answer.json()["error"]
    assert SECRET not in answer.text


def changed(name: str, **changes: Any) -> list[Any]:
    return [{**one, **changes} if one["name"] == name else one for one in carried()]


WRONG: dict[str, tuple[list[Any], str]] = {
    "missing key": ([one for one in carried() if one["name"] != "tailnum"], "tailnum"),
    "wrong datatype": (changed("distance", datatype="BYTES", data=[SECRET]), "distance"),
    "wrong shape": (changed("distance", shape=[1, 2]), "distance"),
    "other rows": (changed("tailnum", shape=[2], data=[SECRET, SECRET]), "tailnum"),
    "no instant": (changed("scheduled", datatype="BYTES", data=[SECRET]), "scheduled"),
    "too large a number": (changed("distance", data=[2**63]), "distance"),
    "not of the datatype": (changed("distance", datatype="UINT8", data=[256]), "distance"),
    "a fraction": (changed("distance", data=[1.5]), "distance"),
    "text": (changed("distance", data=[SECRET]), "distance"),
    "no row": (carried(0), "at least one row"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_input_is_named_and_no_value_comes_back(server: Server, case: str) -> None:
    inputs, named = WRONG[case]
    answer = server.ask(inputs)
    assert answer.status_code == 400
    assert f"{named}" in answer.json()["error"]
    assert SECRET not in answer.text


def test_nothing_of_any_datatype_is_nothing(server: Server) -> None:
    inputs = changed("carrier", datatype="FP64", data=[None])
    assert server.outputs(inputs)["score"] == pytest.approx([0.11])


def test_unknown_models_versions_and_paths_are_404(server: Server) -> None:
    for path in (
        "/v2/models/other/infer",
        "/v2/models/flight-delay/versions/9/infer",
        "/v2/models/flight-delay/versions/9",
        "/nowhere",
    ):
        assert server.client.post(path, content=b"{}").status_code == 404
    assert server.client.get(INFER).status_code == 405


def test_the_time_may_be_said_in_a_replay_only_and_must_be_there(
    server: Server, replay: Server
) -> None:
    refused = server.ask(carried(), parameters={"at": AT})
    assert refused.status_code == 400
    assert "--replay" in refused.json()["error"]
    assert replay.ask(carried()).status_code == 400
    for wrong in (SECRET, -1, 2**62):
        answer = replay.ask(carried(), parameters={"at": wrong})
        assert answer.status_code == 400
        assert SECRET not in answer.text


def test_a_browser_that_was_led_here_is_refused(server: Server) -> None:
    for headers in ({"host": "evil.example"}, {"origin": "https://evil.example"}):
        answer = server.client.get("/deployment", headers=headers)
        assert answer.status_code == 403


# ── feedback and metrics ────────────────────────────────────────────────────────────────────────


def test_feedback_is_logged_before_it_is_taken(replay: Server) -> None:
    outcomes = [{"row": "F1", "label": True}, {"prediction_id": "q-1.0", "label": 0}]
    many = {"request": "labels-1", "at": AT, "outcomes": outcomes}
    assert replay.client.post("/feedback", json=many).json() == {"accepted": 2}
    assert replay.client.post("/feedback", json=many).json() == {"accepted": 2}
    one = {"row": "F2", "label": 1.0, "at": AT}
    assert replay.client.post("/feedback", json=one).json() == {"accepted": 1}
    found = [entry for entry in replay.log() if isinstance(entry, Feedback)]
    assert [entry.at for entry in found] == [AT, AT]
    assert sorted(len(entry.outcomes) for entry in found) == [1, 2]  # the repetition counts once


@pytest.mark.parametrize(
    "body",
    [
        {"outcomes": [{"label": SECRET}]},
        {"outcomes": [{"row": "F1", "prediction_id": "p", "label": 1}]},
        {"outcomes": [{"row": "F1", "label": None}]},
        {"outcomes": [{"row": "F1", "label": 2**70}]},
        {"outcomes": [{"row": "F1", "label": [1]}]},
        {"outcomes": [{"row": "F1", "label": 1, SECRET: 1}]},
        {"row": "F1", "label": 1, "request": "r" * 201},
        {"row": "F1", "label": 1, "request": "a\nb"},
        {"row": 3, "label": 1},
        [],
        SECRET,
    ],
)
def test_feedback_of_another_form_is_refused(server: Server, body: Any) -> None:
    answer = server.client.post("/feedback", json=body)
    assert answer.status_code == 400
    assert SECRET not in answer.text


@pytest.mark.parametrize("label", [SECRET, "maybe", "true", 3.7, 2, -1, "\x00"])
def test_a_label_that_is_none_of_the_task_is_refused(server: Server, label: Any) -> None:
    outcomes = [{"row": "F1", "label": True}, {"row": "F2", "label": label}]
    answer = server.client.post("/feedback", json={"outcomes": outcomes})
    assert answer.status_code == 400
    assert "the label of outcome 2 must be true or false" in answer.json()["error"]
    assert SECRET not in answer.text
    assert not any(isinstance(one, Feedback) for one in server.log())


@pytest.mark.parametrize("name", ["r" * 201, "a\nb", "a\x00", "\x7f"])
def test_an_id_that_is_too_long_or_cannot_be_shown_is_refused(server: Server, name: str) -> None:
    answer = server.ask(carried(), id=name)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("the id may have")


def test_metrics_count_requests_rows_and_the_unseen(server: Server) -> None:
    def count(name: str) -> float:
        text = server.client.get("/metrics").text
        lines = [line for line in text.splitlines() if line.startswith(name + " ")]
        return float(lines[0].rpartition(" ")[2]) if lines else 0.0

    rows = 'lapwise_rows_total{arm="production",version="v1"}'
    names = [rows, 'lapwise_unseen_values_total{column="carrier"}', "lapwise_latency_seconds_count"]
    before = [count(name) for name in names]
    refused = count('lapwise_requests_total{status="400"}')
    server.outputs(carried(3, carrier=["UA", "??", "!!"]))
    server.ask([])
    assert [count(name) - was for name, was in zip(names, before, strict=True)] == [3, 2, 1]
    assert count('lapwise_requests_total{status="400"}') - refused == 1
    assert count("lapwise_log_bytes") > 0
    assert count("lapwise_deployment_revision") == 1
