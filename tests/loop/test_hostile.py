"""What a stranger did to a product that serves, and what must come of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lapwise.core.clock import parse_time
from lapwise.core.errors import ConflictError, DeclarationError, StoreError
from lapwise.core.prediction import Answer, Answered
from lapwise.loop.acting import decide_version
from lapwise.loop.deploy import deploy, folder_of
from lapwise.loop.logged import find_logged
from lapwise.loop.project import find_project
from lapwise.loop.replay import Replay
from lapwise.loop.serve import lay
from lapwise.registry import approve
from lapwise.serving import log_folder
from lapwise.serving.prediction_log import PredictionLog
from tests.loop.worlds import World, make_world

START, END = parse_time("2024-02-05"), parse_time("2024-02-06")


@pytest.fixture
def product(tmp_path: Path) -> World:
    world = make_world(tmp_path / "a product", gates="gates.NoLeakage()")
    world.lap()
    with world.workshop() as opened:
        decide_version(opened, approve, "returns@v1", by="ada")
    return world


def log_one(live: Path, at: int) -> None:
    log = PredictionLog(log_folder(folder_of(live, "returns")))
    answer = Answer(
        version="v", arm="production", places=(0,), features={"amount": [1.0]}, scores=[0.5]
    )
    log.append(
        Answered(
            request="r",
            at=at,
            revision=1,
            rows=(),
            units=(),
            inputs={},
            answers=(answer,),
            looked_up=True,
            microseconds=1,
        )
    )
    log.close()


def test_a_prediction_without_a_row_is_found(tmp_path: Path) -> None:
    log_one(tmp_path, at=START)
    found = find_logged(tmp_path, "r.0")
    assert found is not None
    assert found.score == 0.5
    assert find_logged(tmp_path, "r.²") is None


def test_a_damaged_deployment_is_laid_anew(product: World) -> None:
    with product.workshop() as opened:
        live = opened.project.live
        shown = folder_of(live, "returns") / "deployment.json"
        before = json.loads(shown.read_bytes())
        for damage in (b'{"mod', json.dumps({**before, "production": "another"}).encode()):
            shown.write_bytes(damage)
            deploy(opened.store, live, "returns", at=END)
            assert json.loads(shown.read_bytes())["production"] == before["production"]


def test_a_database_that_is_gone_is_not_made_anew_by_serving(product: World) -> None:
    project = find_project(product.root)
    database = Path(project.store.removeprefix("sqlite:///"))
    database.rename(database.with_suffix(".gone"))
    assert lay(project, "returns").model == "returns"
    assert not database.exists()
    (folder_of(project.live, "returns") / "deployment.json").unlink()
    with pytest.raises(StoreError, match="gone"):
        lay(project, "returns")


def test_a_replay_refuses_a_product_that_has_lived_on(product: World) -> None:
    with product.workshop() as opened:
        log_one(opened.project.live, at=parse_time("2026-01-01"))
        with pytest.raises(DeclarationError, match="lived beyond"):
            Replay(opened, product.loop(), start=START, end=END).run()


def test_a_replay_and_a_watcher_do_not_work_at_once(product: World) -> None:
    with (
        product.workshop() as opened,
        opened.store.leases.hold("watch:returns"),
        pytest.raises(ConflictError, match="held"),
    ):
        Replay(opened, product.loop(), start=START, end=END).run()
