"""Watch a product: count, raise alarms, move rollouts on, start laps.

The watcher is a fold over the prediction log. What it concludes follows from the log's entries and
from the records in the store, so one that was killed starts again, reads the log once more, and
concludes the same. It acts by records first and makes the world follow them after, so an act that
was cut short is finished by the next tick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from lapwise.core.errors import LapwiseError
from lapwise.core.lap import Trigger
from lapwise.loop.barrier import ShadowBarrier
from lapwise.loop.declared import declaration_digest
from lapwise.loop.deploy import folder_of
from lapwise.loop.happening import Happened, HappenedKind
from lapwise.loop.reference import read_reference
from lapwise.loop.rolling import Rolling
from lapwise.monitoring import Observer, TriggerState, pull
from lapwise.serving import LogReader, log_folder

if TYPE_CHECKING:
    from lapwise.core.digest import Digest
    from lapwise.core.lap import Lap
    from lapwise.core.prediction import LogEntry
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop
    from lapwise.monitoring import Tick
    from lapwise.store.model import Store

__all__ = ["DAY", "Watcher"]

DAY = 86_400_000_000
_ALL = 10_000
_REST = 3_600_000_000
"""After a lap that failed, so much of the world's time goes by before another is tried."""
_SAVE = 60.0
"""So often, in seconds of the machine, what a day that is not over has brought is saved."""


@dataclass
class Watcher:
    """Watches one model.

    Args:
        workshop: the project.
        loop: the page.
        go_round: goes round as of an instant and returns the ledger's line; raises LapwiseError.
        approver: a policy that approves what has shown itself; empty: a person does.
        barrier: wait until the shadow has answered all that production has, as a replay must.
        say: called with each thing that happens.
    """

    workshop: Workshop
    loop: Loop
    go_round: Callable[[int, Trigger], Lap]
    approver: str = ""
    barrier: bool = False
    say: Callable[[Happened], None] = lambda _one: None
    _held: list[LogEntry] = field(default_factory=list, init=False)
    _reached: int | None = field(default=None, init=False)
    _saving: float = field(default=0.0, init=False)
    _rest: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Open the log; nothing is read yet."""
        store, name = self.workshop.store, self.loop.name
        folder = folder_of(self.workshop.project.live, name)
        # What the newest lap went by counts from then on: its process may have read a newer page.
        self._page: Digest = declaration_digest(self.workshop, self.loop)
        self._log = LogReader(log_folder(folder))
        self._observer = Observer(
            name, self.loop.monitors, lambda version: read_reference(store, version)
        )
        self._rolling = Rolling(
            self.workshop,
            self.loop,
            approver=self.approver,
            timed=not self.barrier,
            say=self.say,
        )
        self._shadow = ShadowBarrier(self._log, self.workshop.machine) if self.barrier else None

    def hear(self, say: Callable[[Happened], None]) -> None:
        """Tell from now on to ``say`` what happens."""
        self.say = self._rolling.say = say

    def tick(self, now: int) -> int:
        """Do what is to be done at ``now``; return the revision of the deployment in force."""
        self._take_in(now)
        self._rolling.tick(now)
        if self._start_lap(now):
            self._rolling.tick(now)
        return self._rolling.revision

    def _take_in(self, now: int) -> None:
        """Take in what was logged until ``now``, day by day, and observe at each midnight."""
        self._held += self._log.read()
        if self._shadow is not None:
            self._held += self._shadow.wait(self._held, self._rolling.shadowed)
        self._held.sort(key=lambda entry: entry.at)
        if self._reached is None:
            self._reached = min(self._held[0].at, now) if self._held else now
        for midnight in range(self._reached // DAY * DAY + DAY, now + 1, DAY):
            self._take(midnight)
            self._observe(midnight)
        self._take(now)
        self._reached = now
        if self._shadow is None and self.workshop.machine.monotonic() > self._saving:
            self._saving = self.workshop.machine.monotonic() + _SAVE
            self._keep(self._observer.tick(now, partial=True), now)

    def _take(self, until: int) -> None:
        """Give the entries up to an instant to all who fold them."""
        count = next((at for at, one in enumerate(self._held) if one.at > until), len(self._held))
        taken, self._held = self._held[:count], self._held[count:]
        for entry in taken:
            self._observer.add(entry)
            self._rolling.add(entry)

    def _observe(self, midnight: int) -> None:
        """Let the monitors look at what is complete by midnight; keep what they say."""
        self._keep(self._observer.tick(midnight), midnight)

    def _keep(self, tick: Tick, at: int) -> None:
        store = self.workshop.store
        if tick.hours or tick.days:
            store.observations.save(tick.hours, tick.days)
        known = {one.id for one in store.alarms.list(self.loop.name)} if tick.alarms else set()
        for alarm in tick.alarms:
            kept = store.alarms.add(alarm)
            if kept.id not in known:
                self._tell(at, "alarm", kept.sentence, kept.id)

    def _start_lap(self, now: int) -> bool:
        """Start a lap if something asks for one; return whether one was gone round."""
        found = self._asked_for(now) if now >= self._rest else None
        if found is None:
            return False
        try:
            line = self.go_round(now, found)
        except LapwiseError as error:
            self._rest = now + _REST
            self._give_up(now, str(error))
            self._tell(now, "trouble", f"the lap failed: {str(error).splitlines()[0]}")
            return True
        self._page = line.page
        told = f"lap {line.number} ({found.kind}: {found.reason}): {line.decision}"
        self._tell(now, "lap", told, line.id)
        return True

    def _give_up(self, now: int, reason: str) -> None:
        """Mark a lap whose process died at every try as failed, so that it is not due for ever."""
        laps = self.workshop.store.laps
        for line in laps.list(self.loop.name):
            if line.as_of == now and line.state in ("running", "died"):
                laps.update(msgspec.structs.replace(line, state="failed", error=reason))

    def _asked_for(self, now: int) -> Trigger | None:
        """Return why a lap should start now, or None."""
        store, name = self.workshop.store, self.loop.name
        last, production = last_lap(store, name), store.models.production(name)
        if last is None and self.approver:
            return Trigger(kind="manual", reason="the first lap")
        state = TriggerState(
            now=now,
            last_lap=None if last is None else last.as_of,
            alarms=tuple(store.alarms.list(name, since=None if last is None else last.as_of)),
            code_changed=last is None or last.page != self._page,
            rollout_open=store.rollouts.open(name) is not None,
            production="" if production is None else production.id,
        )
        return pull(self.loop.triggers, state)

    def _tell(self, at: int, kind: HappenedKind, sentence: str, subject: str = "") -> None:
        self.say(Happened(at=at, kind=kind, sentence=sentence, subject=subject))


def last_lap(store: Store, loop: str) -> Lap | None:
    """Return the loop's newest lap in the world's time that came to an end by itself."""
    ended = [
        one for one in store.laps.list(loop, limit=_ALL) if one.state not in ("running", "died")
    ]
    return max(ended, key=lambda one: (one.as_of, one.number)) if ended else None
