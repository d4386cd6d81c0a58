"""Replays of the small product, and all that two of them must have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from lapwise.core.clock import parse_time
from lapwise.loop.replay import Replay
from lapwise.loop.verify import read_predictions
from lapwise.loop.world import World as History
from tests.loop.worlds import World, make_world

FROM, TO = "2024-02-05", "2024-02-20"
MORE = """decide=lw.Threshold(share=0.40),
    rollout=lw.Rollout(
        shadow=lw.Pairs(60), canary=[50, 100], hold="12h", min_units=20, margin=0.25
    ),
    monitors=[
        lw.monitors.Drift(),
        lw.monitors.PredictionDrift(),
        lw.monitors.Performance("roc_auc", drop=0.03),
        lw.monitors.Calibration(),
    ],
    triggers=[lw.triggers.Code(), lw.triggers.Schedule("0 3 * * 1")],"""
GATES = 'gates.NoLeakage(), gates.Better("roc_auc", than="baseline")'


@dataclass
class Replayed:
    """A replay that ran."""

    world: World
    history: History
    replay: Replay
    heard: list[Any]


def make_product(root: Path) -> World:
    """Write the small product, with a rollout, monitors and triggers."""
    return make_world(root, more=MORE, gates=GATES)


def replay(
    world: World,
    start: str = FROM,
    end: str = TO,
    *,
    hear: Callable[[Any], None] | None = None,
) -> Replayed:
    """Replay a stretch of the product's history, a policy approving."""
    heard: list[Any] = []

    def listen(one: Any) -> None:
        heard.append(one)
        if hear is not None:
            hear(one)

    with world.workshop() as opened:
        turned = Replay(
            opened,
            world.loop("page.py"),
            start=parse_time(start),
            end=parse_time(end),
            approver="policy:replay",
            hear=listen,
        )
        return Replayed(world, turned.run(), turned, heard)


def predictions(world: World) -> pl.DataFrame:
    """Return what was answered, without what differs from run to run (ids of versions)."""
    with world.workshop() as opened:
        names = {one.id: one.digest for one in opened.store.models.list("returns", limit=1000)}
        logged = read_predictions(opened.project.live, "returns")
    return logged.with_columns(pl.col("version").replace_strict(names)).sort("prediction_id")


def ledger(world: World) -> list[Any]:
    """Return laps, rollouts and alarms, without ids, machine times and what a lap cost."""
    with world.workshop() as opened:
        store = opened.store
        digests = {one.id: one.digest for one in store.models.list("returns", limit=1000)}
        laps = [
            (
                one.as_of,
                one.trigger,
                one.state,
                one.decision,
                one.metrics,
                [(verdict.name, verdict.status, verdict.measured) for verdict in one.verdicts],
                digests.get(one.version or ""),
            )
            for one in store.laps.list("returns", limit=1000)
            if one.state != "died"
        ]
        rollouts = [
            (digests[one.candidate], digests[one.control], one.phase, one.history)
            for one in store.rollouts.list("returns", limit=1000)
        ]
        alarms = [
            (one.at, one.since, one.monitor, one.kind, one.subject, one.sentence, one.measured)
            for one in store.alarms.list("returns", limit=1000)
        ]
    return [laps, rollouts, alarms]
