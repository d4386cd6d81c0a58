"""Which rows a canary answers, and what becomes of one that fails."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import httpx
import msgspec
import pytest

from lapwise.core.prediction import Fused
from lapwise.serving import bucket
from tests.serving.running import INFER, Server, until
from tests.serving.toys import AT, carried, deployment, features, lay, toy

SECRET = "s3cret-valu3"


def test_units_stay_where_they_are_and_a_larger_weight_only_adds(tmp_path: Path) -> None:
    """Row by row, sticky, in every process, and as the hash says."""
    lay(tmp_path, deployment(1, canary="v2", weight=2_000), toy(1), toy(2))
    units = [f"N{place}" for place in range(200)]
    with Server(tmp_path, workers=2) as server:
        for revision, weight in ((1, 2_000), (2, 5_000), (3, 10_000)):
            if revision > 1:
                lay(tmp_path, deployment(revision, canary="v2", weight=weight))
            until(partial(follows, server, revision), what="both workers")
            for _ in range(4):
                outputs = server.outputs(carried(200, tailnum=units))
                chosen = [unit for unit, arm in zip(units, outputs["arm"], strict=True)
                          if arm == "canary"]  # fmt: skip
                assert chosen == [unit for unit in units if bucket("salt", unit) < weight]
                numbers = zip(outputs["arm"], outputs["model_version"], strict=True)
                assert set(numbers) <= {("canary", "2"), ("production", "1")}
        assert server.outputs(carried(200))["score"] == pytest.approx([0.12] * 200)
        (entry, *_) = [one for one in server.answered() if one.revision == 1]
        places = [place for answer in entry.answers for place in answer.places]
        assert sorted(places) == list(range(200))
        refused = server.client.post("/v2/models/flight-delay/versions/2/infer", content=b"{}")
        assert refused.status_code == 404
        own = server.client.post(
            "/v2/models/flight-delay/versions/1/infer",
            content=msgspec.json.encode({"inputs": carried()}),
        )
        assert own.json()["outputs"][-1]["data"] == ["production"]


def follows(server: Server, revision: int) -> bool:
    """Ask on fresh connections, so that each worker is likely met."""
    told = [httpx.get(server.url + "/deployment").json()["revision"] for _ in range(16)]
    return set(told) == {revision}


def test_without_a_unit_a_row_is_routed_by_its_own_id(tmp_path: Path) -> None:
    lay(tmp_path, deployment(canary="v2", weight=5_000), toy(1), toy(2))
    with Server(tmp_path) as server:
        inputs = features(100)
        outputs = server.outputs(inputs, id="r")
        expected = ["canary" if bucket("salt", f"r.{place}") < 5_000 else "production"
                    for place in range(100)]  # fmt: skip
        assert outputs["arm"] == expected
        assert set(outputs["arm"]) == {"canary", "production"}


@pytest.mark.parametrize("behaviour", ["raises", "nan"])
@pytest.mark.parametrize("rows", [1, 3, 100])
def test_a_broken_canary_is_out_within_ten_rows_and_no_caller_sees_it(
    tmp_path: Path, behaviour: str, rows: int
) -> None:
    lay(tmp_path, deployment(canary="v2", weight=10_000), toy(1), toy(2, behaviour))
    with Server(tmp_path, workers=2) as server:
        for turn in range(40):
            with httpx.Client(base_url=server.url) as client:  # whichever worker takes it
                body = msgspec.json.encode({"id": f"t{turn}", "inputs": carried(rows)})
                answer = client.post(INFER, content=body)
            assert answer.status_code == 200
            assert answer.json()["outputs"][0]["data"] == pytest.approx([0.11] * rows)
        failures = [one for entry in server.answered() for one in entry.failures]
        assert 5 <= len(failures) <= 10
        kind = "exception" if behaviour == "raises" else "not_finite"
        assert {(one.version, one.kind) for one in failures} == {("v2", kind)}
        fused = [one for one in server.log() if isinstance(one, Fused)]
        assert {(one.version, one.revision) for one in fused} == {("v2", 1)}
        assert server.deployment()["fused"]["version"] == "v2"
        # It stays out when the workers are started anew.
        for pid in server.pids("worker"):
            os.kill(pid, signal.SIGKILL)
        until(lambda: server.ready)
        assert server.outputs(carried(), id="later")["arm"] == ["production"]
        assert len([one for e in server.answered() for one in e.failures]) == len(failures)


def test_in_a_replay_a_fuse_blows_at_the_time_of_the_request(tmp_path: Path) -> None:
    lay(tmp_path, deployment(canary="v2", weight=10_000), toy(1), toy(2, "raises"))
    with Server(tmp_path, replay=True) as server:
        for turn in range(5):
            server.outputs(carried(), id=f"t{turn}", parameters={"at": AT + turn})
        (fused,) = [one for one in server.log() if isinstance(one, Fused)]
        assert fused.at == AT + 4
        assert server.deployment()["fused"]["at"] == AT + 4


@pytest.mark.parametrize("behaviour", ["raises_when_long", "nan_when_long"])
def test_a_row_that_spoils_the_canary_is_answered_by_production_alone(
    tmp_path: Path, behaviour: str
) -> None:
    lay(tmp_path, deployment(canary="v2", weight=10_000), toy(1), toy(2, behaviour))
    with Server(tmp_path) as server:
        distances = [1_000, 9_000, 1_000, 1_000, 9_000, 1_000, 1_000]
        for turn in range(5):
            outputs = server.outputs(carried(7, distance=distances), id=f"x{turn}")
            arms = ["production" if one == 9_000 else "canary" for one in distances]
            assert outputs["arm"] == arms
            assert outputs["score"][:2] == pytest.approx([0.12, 0.91])
        assert server.deployment()["fused"] is None


def test_a_row_that_production_fails_too_is_500_and_blows_no_fuse(tmp_path: Path) -> None:
    lay(
        tmp_path,
        deployment(canary="v2", weight=10_000),
        toy(1, "raises_when_long"),
        toy(2, "raises"),
    )
    with Server(tmp_path) as server:
        for turn in range(10):
            answer = server.ask(carried(distance=[9_000]), id=f"f{turn}")
            assert answer.status_code == 500
            assert SECRET not in answer.text
        assert server.deployment()["fused"] is None
        entries = server.answered()
        assert [one.request for one in entries] == [f"f{turn}#failed" for turn in range(10)]
        for entry in entries:
            assert entry.answers == ()
            assert [(one.place, one.version) for one in entry.failures] == [(0, "v2"), (0, "v1")]
