"""A product that has answered: three days of its history, asked of a real server and labelled."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lapwise.core.clock import format_time
from lapwise.data import scan
from lapwise.features import OnlineStore
from lapwise.loop.bootstrap import Workshop
from lapwise.loop.client import Client
from lapwise.loop.model import Loop
from lapwise.loop.project import find_project
from lapwise.loop.replay import infer_request
from lapwise.loop.serve import ServerProcess
from lapwise.loop.tables import take_version
from lapwise.loop.world import World as History
from lapwise.loop.world import read_world
from tests.loop.twice import DAY, MODEL, NOW
from tests.loop.worlds import World

FROM = NOW - 3 * DAY


@dataclass
class Asked:
    """A world, and the stretch of its history that was asked."""

    world: World
    history: History

    @property
    def rows(self) -> int:
        return self.history.examples.height


def make_answered(world: World) -> Asked:
    """Ask the version in production for three days of orders."""
    with world.workshop(format_time(NOW)) as opened:
        _remember(opened, world.loop())
        history = read_world(opened, world.loop(), FROM, NOW)
    return ask(world, history)


def _remember(opened: Workshop, loop: Loop) -> None:
    """Bring the online store up to now, so that it answers as of three days ago too."""
    tables = {
        view.table.name: scan(take_version(opened, view.table, watermark=NOW), opened.store)
        for view in loop.views
    }
    with OnlineStore.open(opened.project.live / "features", keep="7d") as online:
        online.materialize(loop.views, tables, at=NOW)


def ask(world: World, history: History, salt: str = "") -> Asked:
    """Ask for every row as of its time, and deliver the labels that came."""
    server = ServerProcess.start(find_project(world.root), MODEL, replay=True)
    try:
        client = Client(*server.address)
        for one in history.asked(FROM, NOW):
            body = infer_request(one.columns, request=f"{salt}{one.at}", at=one.at)
            client.post(f"/v2/models/{MODEL}/infer", body)
        outcomes = [{"row": one.row, "label": one.label} for one in history.arrived(FROM, NOW)]
        said = {"at": NOW - 1, "request": f"{salt}labels", "outcomes": outcomes}
        client.post("/feedback", msgspec.json.encode(said))
        client.close()
    finally:
        server.stop()
    return Asked(world, history)
