"""A product with three versions, v1 in production and two in staging, and a rollout driven by hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lapwise.core.clock import FixedWorldClock, parse_time
from lapwise.core.prediction import Answer, Answered, Failure, LogEntry
from lapwise.loop.acting import decide_version
from lapwise.loop.rolling import Rolling
from lapwise.registry import approve
from lapwise.rollout import Decision, advance, decide
from lapwise.serving import read_deployment
from tests.loop.replays import make_product
from tests.loop.worlds import World

if TYPE_CHECKING:
    from lapwise.core.deployment import ArmName, Deployment
    from lapwise.core.rollout import Rollout
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.happening import Happened

FIRST, SECOND, THIRD = "2024-02-05", "2024-02-12", "2024-02-13"
NOW = parse_time("2024-02-14")
MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
MODEL = "returns"


def make_twice(root: Path) -> World:
    """Write the small product and go round three times; the first version was approved."""
    world = make_product(root)
    for as_of in (FIRST, SECOND, THIRD):
        line = world.lap(as_of)
        assert line.state == "waiting", line.decision
        if as_of == FIRST:
            with world.workshop(as_of) as opened:
                decide_version(opened, approve, "returns@v1", by="ada")
    return world


@dataclass
class Driven:
    """A rollout that is moved on by hand: time, log entries and ticks are the test's.

    The entries are kept, so that another watcher can be given all of them, as it would read them.
    """

    workshop: Workshop
    world: World
    approver: str = ""
    now: int = NOW
    asked: int = 0
    entries: list[LogEntry] = field(default_factory=list)
    told: list[Happened] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loop = self.world.loop()
        self.begin()

    @property
    def shop(self) -> Workshop:
        """The workshop, its world's clock standing at the present time."""
        return replace(self.workshop, world=FixedWorldClock(self.now))

    def begin(self) -> None:
        """Let another watcher take over: it reads the whole log."""
        self.rolling = Rolling(
            self.workshop, self.loop, approver=self.approver, timed=False, say=self.told.append
        )
        for entry in self.entries:
            self.rolling.add(entry)

    def tick(self, later: int = MINUTE) -> Rollout:
        """Let time pass and the watcher tick; return the newest rollout."""
        self.now += later
        self.rolling.tick(self.now)
        return self.newest()

    def newest(self) -> Rollout:
        return self.workshop.store.rollouts.list(MODEL)[0]

    def count(self) -> int:
        return len(self.workshop.store.rollouts.list(MODEL))

    def stages(self) -> dict[int, str]:
        """Return the stage of each version, by its number."""
        return {one.number: one.stage for one in self.workshop.store.models.list(MODEL)}

    def deployed(self) -> Deployment:
        """Return the deployment in force: the store's last and the snapshot's are one."""
        kept = self.workshop.store.deployments.list(MODEL, limit=1)[0]
        shown = read_deployment(self.workshop.project.live / MODEL)
        assert shown == kept
        return kept

    def version(self, number: int) -> str:
        return self.workshop.store.models.get(f"{MODEL}@v{number}").id

    def feed(self, entry: LogEntry) -> None:
        self.entries.append(entry)
        self.rolling.add(entry)

    def pairs(self, count: int, *, failing: bool = False) -> None:
        """Log requests with production's answer and the shadow's, one a second."""
        rollout = self.newest()
        for _ in range(count):
            self.now += 1_000_000
            self.asked += 1
            self.feed(self._answered(rollout.control, "production"))
            self.feed(self._answered(rollout.candidate, "shadow", fails=failing))

    def canary(self, count: int, *, failing: bool = False) -> None:
        """Log requests of as many units, of which every second meets the canary."""
        rollout = self.newest()
        for turn in range(count):
            self.now += 1_000_000
            self.asked += 1
            if turn % 2:
                self.feed(self._answered(rollout.control, "production"))
            elif failing:
                failure = Failure(place=0, version=rollout.candidate, kind="exception")
                answered = self._answered(rollout.control, "production")
                self.feed(msgspec.structs.replace(answered, failures=(failure,)))
            else:
                self.feed(self._answered(rollout.candidate, "canary"))

    def _answered(self, version: str, arm: ArmName, *, fails: bool = False) -> Answered:
        answer = Answer(
            version=version,
            arm=arm,
            places=(0,),
            features={},
            scores=[0.1 + 0.08 * (self.asked % 10)],
        )
        failure = Failure(place=0, version=version, kind="exception")
        return Answered(
            request=f"q{self.asked}",
            at=self.now,
            revision=1,
            rows=(f"r{self.asked}",),
            units=(f"u{self.asked}",),
            inputs={},
            answers=() if fails else (answer,),
            failures=(failure,) if fails else (),
            shadow=arm == "shadow",
        )

    def approve(self, number: int, by: str = "ada") -> None:
        """Let a person approve a version, a moment later."""
        self.now += 1
        store = self.workshop.store
        approve(store, store.models.get(f"{MODEL}@v{number}"), by=by, at=self.now)

    def to_waiting(self) -> Rollout:
        """Go through the shadow."""
        self.tick()
        self.pairs(150)
        rollout = self.tick(13 * HOUR)
        assert rollout.phase == "waiting", rollout.history[-1].sentence
        return rollout

    def to_canary(self) -> Rollout:
        """Go to the canary's first step: ada approves while the shadow runs."""
        self.tick()
        self.approve(3)
        rollout = self.tick()
        assert rollout.phase == "canary", rollout.history[-1].sentence
        return rollout

    def to_promoted(self) -> Rollout:
        """Go through the canary."""
        self.to_canary()
        self.canary(300)
        rollout = self.tick(13 * HOUR)
        assert rollout.phase == "promoted", self.why()
        return rollout

    def why(self) -> str:
        """Return what was told, and what the evidence says now."""
        rollout = self.newest()
        told = [one.sentence for one in self.told]
        if rollout.open:
            told.append(decide(rollout, self.rolling._follow(rollout), self.now).sentence)
        return "\n".join(told)

    def promoted_record(self) -> Rollout:
        """Return the newest rollout as promoted, without anything that follows from it."""
        fine = Decision(action="advance", sentence="All is well.")
        return advance(self.newest(), fine, at=self.now, by="lapwise")
