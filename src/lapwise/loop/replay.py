"""Replay history: the world's clock is moved hour by hour, and everything else runs for real.

A real server answers over a socket, a real watcher watches, rolls out and goes round in processes of
their own. Each hour of the world has a barrier: rows that became known are pushed, requests are
asked as of their own instants, labels that arrived are delivered, and the watcher ticks; only then
comes the next hour. So what happens is the same each time, however fast the machine is.

Every question carries an id made from the world's time. A replay that was stopped goes on where its
log ends, and what was asked already is not counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec

from lapwise.core.clock import format_time
from lapwise.core.errors import DeclarationError, ServingError
from lapwise.core.model import Record
from lapwise.loop.child import Child
from lapwise.loop.client import Client
from lapwise.loop.declaring import declare_features, note_freshness
from lapwise.loop.deploy import folder_of
from lapwise.loop.happening import Happened, TickAsked, Ticked
from lapwise.loop.serve import ServerProcess
from lapwise.loop.world import Asked, World, read_world

if TYPE_CHECKING:
    from lapwise.features import OnlineStore
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop

__all__ = ["HOUR", "DayDone", "Replay"]

HOUR = 3_600_000_000
_DAY = 24 * HOUR
_ROLLING = 8 * _DAY
_DATATYPES = {str: "BYTES", bool: "BOOL", int: "INT64", float: "FP64"}


class DayDone(Record, frozen=True, kw_only=True):
    """One day of the world is over.

    ``predictions`` count from the start, ``failed`` requests too. ``auc`` and ``observed`` (labels
    over scores: 1 is calibrated) are over the last seven days whose labels came; None before.
    """

    at: int
    predictions: int
    failed: int
    auc: float | None = None
    observed: float | None = None


@dataclass(slots=True)
class _Server:
    process: ServerProcess
    client: Client
    revision: int = 0


@dataclass
class Replay:
    """History from ``start`` to ``end`` through the real serving process.

    Args:
        workshop: the project; its own clock is not asked.
        loop: the page, read from a file.
        start: microseconds, a whole hour; the first lap sees what was known by then.
        end: microseconds, exclusive.
        approver: who approves what has shown itself (``policy:replay``); empty for nobody.
        hear: called with each thing that happens, and with each day that is done.
    """

    workshop: Workshop
    loop: Loop
    start: int
    end: int
    approver: str = ""
    hear: Callable[[Happened | DayDone], None] = lambda _one: None
    predictions: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    _server: _Server | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Check the stretch of history."""
        if self.end <= self.start:
            raise DeclarationError(
                "a replay ends after it begins",
                value=f"{format_time(self.start)} to {format_time(self.end)}",
                fix="--from 2013-04-01 --to 2013-05-01",
            )
        if self.start % HOUR:
            raise DeclarationError(
                "a replay begins at a whole hour",
                value=format_time(self.start),
                fix=f"--from {format_time(self.start // HOUR * HOUR)}",
            )

    def run(self) -> World:
        """Go through the hours; return the world that was read.

        Raises:
            ConflictError: a watcher, or another replay, is at work on the same product.
            DeclarationError: the product has lived on beyond the end.
            LapwiseError: a part of it failed for good; what was done until then is kept.
        """
        with self.workshop.store.leases.hold(f"watch:{self.loop.name}"):
            return self._run()

    def _run(self) -> World:
        from lapwise.loop.online import open_online

        first = self._first_hour()
        watcher = self._watcher()
        try:
            self._resume()
            revision = self._tick(watcher, first)
            world = read_world(self.workshop, self.loop, self.start, self.end)
            with open_online(self.workshop) as online:
                tables = self._tables(world)
                online.materialize(self.loop.views, tables, at=first)
                declare_features(self.workshop.store, self.loop, first)
                if revision:
                    self._follow(revision)
                pushed = first
                for hour in range(first, self.end, HOUR):
                    pushed = self._hour(watcher, world, online, hour, pushed)
            return world
        finally:
            watcher.close()
            if self._server is not None:
                self._server.client.close()
                self._server.process.stop()

    def _resume(self) -> None:
        """Start the servers again if a shadow answered when a replay was stopped.

        It may owe answers to what was logged last, and the watcher's first tick waits for them.
        """
        from lapwise.serving import read_deployment

        deployed = read_deployment(folder_of(self.workshop.project.live, self.loop.name))
        if deployed is not None and deployed.shadow is not None:
            self._follow(deployed.revision)

    def _hour(
        self, watcher: Child, world: World, online: OnlineStore, hour: int, pushed: int
    ) -> int:
        """Go through one hour; return until when rows have been pushed."""
        end = min(hour + HOUR, self.end)
        for asked in world.asked(hour, end):
            self._push(world, online, pushed, asked.at)
            pushed = asked.at
            self._predict(asked)
        self._deliver(world, hour, end)
        revision = self._tick(watcher, end)
        if revision and (self._server is None or self._server.revision != revision):
            self._follow(revision)
        if end % _DAY == 0 or end == self.end:
            note_freshness(self.workshop.store, self.loop, online, end)
        if end % _DAY == 0:
            self.hear(self._day(end))
        return pushed

    def _day(self, at: int) -> DayDone:
        """Sum up until a midnight, from what the watcher saved."""
        found = self.workshop.store.observations.days(self.loop.name, since=at - _ROLLING, until=at)
        labelled = sum(day.labelled for day in found)
        scores = sum(day.mean_score * day.labelled for day in found)
        areas = [
            (metric.value, day.labelled)
            for day in found
            for metric in day.metrics
            if metric.name == "roc_auc" and isfinite(metric.value)
        ]
        weight = sum(count for _, count in areas)
        return DayDone(
            at=at,
            predictions=self.predictions,
            failed=self.failed,
            auc=sum(area * count for area, count in areas) / weight if weight else None,
            observed=sum(day.base_rate * day.labelled for day in found) / scores
            if labelled and scores
            else None,
        )

    def _push(self, world: World, online: OnlineStore, start: int, end: int) -> None:
        for name in world.tables:
            rows = world.became_known(name, start, end)
            if not rows.is_empty():
                views = [view for view in self.loop.views if view.table.name == name]
                online.push(views[0].table, rows, views)

    def _predict(self, asked: Asked) -> None:
        """Ask for one instant's rows."""
        body = infer_request(asked.columns, request=_request_id(self.loop, asked.at), at=asked.at)
        client = self._client
        try:
            client.post(f"/v2/models/{self.loop.name}/infer", body)
        except ServingError as error:
            self.failed += 1
            self.hear(Happened(at=asked.at, kind="trouble", sentence=str(error).replace("\n", " ")))
            return
        self.predictions += len(next(iter(asked.columns.values())))

    def _deliver(self, world: World, start: int, end: int) -> None:
        """Deliver the labels that became known in an hour."""
        arrived = world.arrived(start, end)
        if arrived:
            outcomes = [{"row": one.row, "label": one.label} for one in arrived]
            said = {"at": end, "request": f"labels-{format_time(end)}", "outcomes": outcomes}
            self._client.post("/feedback", msgspec.json.encode(said))

    def _tick(self, watcher: Child, at: int) -> int:
        """Let the watcher do its hour; return the revision of the deployment in force."""

        def hear(line: bytes) -> None:
            self.hear(msgspec.json.decode(line, type=Happened))

        answer = watcher.ask(msgspec.json.encode(TickAsked(at=at)), hear)
        return msgspec.json.decode(answer, type=Ticked).revision

    def _follow(self, revision: int) -> None:
        """Wait until the servers answer by a deployment."""
        if self._server is None:
            project = self.workshop.project
            process = ServerProcess.start(project, self.loop.name, replay=True)
            self._server = _Server(process, Client(*process.address))
        clock = self.workshop.machine
        until = clock.monotonic() + 30.0
        while True:
            shown = msgspec.json.decode(self._server.client.get("/deployment"))
            if shown.get("revision") == revision:
                break
            if clock.monotonic() > until:
                raise ServingError(
                    "the servers do not follow the deployment",
                    value=shown.get("revision"),
                    expected=f"revision {revision}",
                    fix=f"look at {folder_of(self.workshop.project.live, self.loop.name)}",
                )
            clock.sleep(0.005)
        self._server.revision = revision

    @property
    def _client(self) -> Client:
        if self._server is None:
            raise ServingError(
                "no version is in production, so nobody answers",
                expected="a first version that passed its gates",
                fix="lapwise laps; or approve one: lapwise approve MODEL",
            )
        return self._server.client

    def _watcher(self) -> Child:
        arguments = [self.loop.origin, "--replay"]
        if self.approver:
            arguments += ["--approver", self.approver]
        return Child("lapwise.loop.watcher", *arguments, folder=self.workshop.project.root)

    def _first_hour(self) -> int:
        """Return the hour to begin with: that of the log's last entry, if there is one.

        What was answered, or gone round, after the end would decide about what comes before it.
        """
        from lapwise.serving import last_logged

        last = last_logged(folder_of(self.workshop.project.live, self.loop.name))
        laps = self.workshop.store.laps.list(self.loop.name, limit=1_000)
        reached = max([last or 0, *(one.as_of for one in laps)])
        if reached > self.end:
            raise DeclarationError(
                "the product has lived beyond the end of this stretch of history",
                value=format_time(reached),
                expected=f"nothing answered and no lap after {format_time(self.end)}",
                fix="choose a later end, or replay in a folder of its own",
            )
        if last is None:
            return self.start
        return max(self.start, self.start + (last - self.start) // HOUR * HOUR)

    def _tables(self, world: World) -> Mapping[str, Any]:
        from lapwise.data import scan

        store = self.workshop.store
        return {name: scan(world.versions[name], store) for name in world.tables}


def infer_request(columns: Mapping[str, list[Any]], *, request: str, at: int) -> bytes:
    """Return the body of an infer request for plain columns, as of an instant of the world."""
    inputs = []
    for name, values in columns.items():
        kind = next((type(value) for value in values if value is not None), float)
        inputs.append(
            {
                "name": name,
                "shape": [len(values)],
                "datatype": _DATATYPES[kind],
                "data": values,
            }
        )
    return msgspec.json.encode({"id": request, "parameters": {"at": at}, "inputs": inputs})


def _request_id(loop: Loop, at: int) -> str:
    return f"{loop.name}-{format_time(at)}"
