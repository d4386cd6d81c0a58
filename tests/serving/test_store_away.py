"""The online store is away: nobody's model is to blame, and nobody waits for it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lapwise.core.prediction import Answered
from tests.serving.running import Server, until
from tests.serving.toys import carried, deployment, lay, toy


def shadowed(server: Server) -> list[Answered]:
    return [one for one in server.log() if isinstance(one, Answered) and one.shadow]


def test_a_request_is_refused_and_no_row_is_blamed(tmp_path: Path) -> None:
    lay(tmp_path, deployment(), toy(1))
    with Server(tmp_path) as server:
        (tmp_path / "away.v1").touch()
        answer = server.ask(carried(3), id="a")
        assert answer.status_code == 503
        assert answer.json() == {
            "error": "the features cannot be looked up: the online store is away"
        }
        assert server.answered() == []
        (tmp_path / "away.v1").unlink()
        assert server.outputs(carried(3), id="a")["score"] == pytest.approx([0.11] * 3)


@pytest.mark.parametrize("how", ["away", "emptied"])
def test_a_canary_is_not_out_for_it(tmp_path: Path, how: str) -> None:
    lay(tmp_path, deployment(canary="v2", weight=10_000), toy(1), toy(2))
    with Server(tmp_path) as server:
        (tmp_path / "away.v2").write_text(how)
        for turn in range(12):
            assert server.outputs(carried(3), id=f"a{turn}")["arm"] == ["production"] * 3
        (tmp_path / "away.v2").unlink()
        assert server.deployment()["fused"] is None
        assert server.outputs(carried(3), id="b")["arm"] == ["canary"] * 3
        assert not [one for one in server.answered() if one.failures]


@pytest.mark.parametrize("how", ["away", "emptied"])
def test_a_shadow_waits_for_it(tmp_path: Path, how: str) -> None:
    lay(tmp_path, deployment(shadow="v2"), toy(1), toy(2))
    with Server(tmp_path) as server:
        (tmp_path / "away.v2").write_text(how)
        for turn in range(3):
            server.outputs(carried(2), id=f"a{turn}")
        time.sleep(0.5)
        assert shadowed(server) == []
        (tmp_path / "away.v2").unlink()
        until(lambda: len(shadowed(server)) == 3, what="the shadow's answers")
        assert [one.request for one in shadowed(server)] == ["a0", "a1", "a2"]
        assert not [one for one in shadowed(server) if one.failures]
