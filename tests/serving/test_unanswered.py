"""A request that production fails: on record before the caller hears of it, and no dead end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lapwise.core.observation import HourCounts
from lapwise.core.prediction import Answered, Failure, FailureKind
from lapwise.core.rollout import Rollout, RolloutPolicy
from lapwise.loop.logged import find_logged
from lapwise.monitoring import Observer
from lapwise.rollout import Evidence, start
from lapwise.serving import LogReader, log_folder, prediction_frame
from lapwise.serving.blame import blame
from tests.serving.running import Server, until
from tests.serving.toys import AT, carried, deployment, features, lay, toy

LONG = [1_000, 9_000, 1_000]


def shadowed(server: Server) -> dict[str, Answered]:
    return {one.request: one for one in server.log() if isinstance(one, Answered) and one.shadow}


@pytest.mark.parametrize("behaviour", ["raises_when_long", "nan_when_long"])
def test_the_rows_to_blame_are_logged_and_a_retry_may_succeed(
    tmp_path: Path, behaviour: str
) -> None:
    lay(tmp_path, deployment(), toy(1, behaviour))
    with Server(tmp_path, replay=True) as server:
        asked = {"id": "q", "parameters": {"at": AT}}
        for _ in range(2):
            answer = server.ask(carried(3, distance=LONG), **asked)
            assert answer.status_code == 500
            assert "s3cret-valu3" not in answer.text
        (entry,) = server.answered()
        kind: FailureKind = "exception" if behaviour.startswith("raises") else "not_finite"
        assert entry.failures == (Failure(place=1, version="v1", kind=kind),)
        assert (entry.request, entry.at, entry.answers) == ("q#failed", AT, ())
        assert entry.rows == ("F0", "F1", "F2")
        assert entry.inputs["distance"] == LONG
        assert entry.microseconds > 0
        counted = f'lapwise_failed_rows_total{{arm="production",kind="{kind}",version="v1"}} 2.0'
        assert counted in server.client.get("/metrics").text
        # Neither this worker nor one that reads the log anew takes the failure for an answer.
        lay(tmp_path, deployment(2, "v2"), toy(2))
        server.follow(2)
        os.kill(server.pids("worker")[0], signal.SIGKILL)
        until(lambda: server.ready)
        scores = server.outputs(carried(3, distance=LONG), **asked)["score"]
        assert scores == pytest.approx([0.12, 0.92, 0.12])
        assert server.outputs(carried(3, distance=LONG), **asked)["score"] == scores
        assert [one.request for one in server.answered()] == ["q", "q#failed"]


def test_who_folds_the_log_sees_the_failure_and_the_answer_apart(tmp_path: Path) -> None:
    folder = tmp_path / "flight-delay"
    lay(folder, deployment(shadow="v2"), toy(1, "nan_when_long"), toy(2))
    with Server(folder, replay=True) as server:
        asked = {"id": "q", "parameters": {"at": AT}}
        assert server.ask(carried(3, distance=LONG), **asked).status_code == 500
        until(lambda: "q#failed" in shadowed(server), what="the shadow's answer")
        lay(folder, deployment(2, "v3", shadow="v2"), toy(3))
        server.follow(2)
        server.outputs(carried(3, distance=LONG), **asked)
        until(lambda: "q" in shadowed(server), what="the shadow's answer")
    entries = LogReader(log_folder(folder)).read()
    evidence = Evidence(rollout("v2", "v1"), task="binary", threshold_control=0.5)
    observer = Observer("flight-delay", (), lambda _version: None)
    for one in entries:
        evidence.add(one)
        observer.add(one)
    summary = evidence.summary()
    assert (summary.shadow.pairs, summary.shadow.failed.control) == (1, 1)
    assert summary.shadow.failed.candidate == 0
    tick = observer.tick(AT + 1, partial=True)
    assert {one.version: counted(one) for one in tick.hours} == {"v1": (0, 1), "v3": (3, 0)}
    logged = prediction_frame(one for one in entries if not getattr(one, "shadow", False))
    assert logged["prediction_id"].to_list() == ["q.0", "q.1", "q.2"]
    failed = [one for one in entries if isinstance(one, Answered) and not one.answers]
    assert [one.request for one in failed] == ["q#failed"]
    assert prediction_frame(failed).is_empty()
    assert find_logged(tmp_path, "q#failed.1") is None
    found = find_logged(tmp_path, "q.1")
    assert found is not None
    assert found.answer.version == "v3"


def rollout(candidate: str, control: str) -> Rollout:
    """Return a rollout in shadow since before the toys' requests."""
    return start(
        id="r",
        model="flight-delay",
        candidate=candidate,
        control=control,
        policy=RolloutPolicy(pairs=10, steps=(50, 100), hold=0, min_units=1, margin=0.1),
        at=AT - 1,
    )


def counted(hour: HourCounts) -> tuple[int, int]:
    return hour.rows, hour.failures


def test_the_shadow_answers_what_production_failed_from_looked_up_or_given_features(
    tmp_path: Path,
) -> None:
    lay(tmp_path, deployment(shadow="v2"), toy(1, "raises"), toy(2))
    with Server(tmp_path) as server:
        assert server.ask(carried(2), id="inputs").status_code == 500
        assert server.ask(features(2), id="given").status_code == 500
        for name in ("inputs#failed", "given#failed"):
            entry = until(lambda: shadowed(server).get(name), what="the shadow's answer")  # noqa: B023
            assert entry.failures == ()
            assert entry.answers[0].places == (0, 1)
            assert entry.answers[0].scores == pytest.approx([0.12, 0.12])
        given = {one.request: one for one in server.answered()}["given#failed"]
        assert not given.looked_up
        assert given.inputs["hour"] == [7.0, 7.0]


def test_a_caller_that_errs_is_not_on_record(tmp_path: Path) -> None:
    lay(tmp_path, deployment(), toy(1))
    with Server(tmp_path) as server:
        assert server.ask(carried()[1:], id="wrong").status_code == 400
        assert server.answered() == []


def test_blame_ends_soon_however_many_rows_fail() -> None:
    asked = []

    def ask(some: list[int]) -> NDArray[np.bool_]:
        asked.append(some)
        raise ValueError

    assert len(blame("v1", list(range(10_000)), ask)) == 10_000
    assert len(asked) == 32


def test_one_row_of_many_is_found_and_a_fault_of_the_moment_is_everybodys() -> None:
    def ask(some: list[int]) -> NDArray[np.bool_]:
        if 777 in some:
            raise ValueError
        return np.ones(len(some), dtype=bool)

    assert [one.place for one in blame("v1", list(range(10_000)), ask)] == [777]
    assert [one.place for one in blame("v1", [3, 5], ask)] == [3, 5]
    assert [one.place for one in blame("v1", [9], ask)] == [9]
