"""Go round once: validate, split, features, train, evaluate, gates, register."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import msgspec

from lapwise.core.errors import LapwiseError, StoreError
from lapwise.core.ids import new_id
from lapwise.core.lap import Lap, LapState, LapStep, Trigger
from lapwise.loop.course import Course
from lapwise.loop.declared import declaration_digest
from lapwise.loop.evaluation import Evaluation
from lapwise.loop.reference import keep_reference
from lapwise.loop.registering import register_candidate, settle

if TYPE_CHECKING:
    from lapwise.core.model import Split
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop
    from lapwise.store.model import Store

__all__ = ["lap"]

_WAIT = 3600.0


def lap(
    workshop: Workshop,
    loop: Loop,
    *,
    trigger: Trigger | None = None,
    accept: bool = False,
    once: bool = False,
) -> Lap:
    """Go round the loop once, as the world stands at the workshop's clock.

    One lap of a loop runs at a time: a second one waits, and then finds the work done. A lap that
    died is marked as failed by the next one, which reuses every step that the dead one finished.

    Args:
        workshop: the project and all that works on it.
        loop: the page.
        trigger: what started it; default: a person did.
        accept: take tables whose known content has changed.
        once: return the lap that this very trigger started at this instant, if one came to its end;
            whoever asked for it may have been killed while it ran.

    Returns:
        The ledger's line.

    Raises:
        LapwiseError: what went wrong; the ledger keeps the lap as failed, with the message.
    """
    store, clock = workshop.store, workshop.machine
    with store.leases.hold(f"lap:{loop.name}", wait=_WAIT):
        _close_dead(store, loop.name)
        if once and trigger is not None:
            for line in store.laps.list(loop.name):
                if (line.as_of, line.trigger) == (workshop.world.now(), trigger) and _ended(line):
                    return line
        started = clock.monotonic()
        ledger = _Ledger(
            store,
            Lap(
                id=new_id(),
                number=0,
                loop=loop.name,
                trigger=trigger or Trigger(kind="manual", reason=f"started by {workshop.actor}"),
                as_of=workshop.world.now(),
                state="running",
                started=clock.timestamp(),
                page=declaration_digest(workshop, loop),
            ),
            lambda: clock.monotonic() - started,
        )
        try:
            _go_round(workshop, loop, ledger, accept=accept)
        except BaseException as error:
            # If the store itself fails, its second refusal must not hide the first.
            with suppress(StoreError):
                ledger.write(
                    # Stopped from outside, it says nothing about the lap: whoever was due still is.
                    state="failed" if isinstance(error, Exception) else "died",
                    error=_reason(error),
                )
            raise
        ledger.write()
        return ledger.line


def _ended(line: Lap) -> bool:
    """Return whether a lap came to its end by itself."""
    return line.state not in ("running", "died")


def _reason(error: BaseException) -> str:
    if isinstance(error, LapwiseError):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "stopped by Ctrl-C"
    return f"unexpected {type(error).__name__}: {error}"


class _Ledger:
    """One line of the ledger, kept in the store at each change with how long it took until then."""

    def __init__(self, store: Store, line: Lap, seconds: Callable[[], float]) -> None:
        self._store = store
        self._seconds = seconds
        self.line = store.laps.create(line)

    def write(self, **changes: Any) -> None:
        self.line = msgspec.structs.replace(self.line, seconds=self._seconds(), **changes)
        self._store.laps.update(self.line)

    def note(self, step: LapStep) -> None:
        self.write(steps=(*self.line.steps, step))


def _go_round(workshop: Workshop, loop: Loop, ledger: _Ledger, *, accept: bool) -> None:
    line = ledger.line
    with closing(Course(workshop, loop, line.as_of, ledger.note)) as course:
        course.validate(accept=accept)
        ledger.write(datasets=course.datasets)
        split = course.split(_previous_split(workshop.store, line))
        ledger.write(split=split)
        course.features()
        ledger.write(run=course.train(line.id))
        evaluation = Evaluation(course, course.package())
        metrics = evaluation.metrics()
        ledger.write(metrics=metrics)
        verdicts = evaluation.verdicts()
        ledger.write(verdicts=verdicts)
        version = register_candidate(course, split, ledger.line, evaluation.threshold)
        if loop.monitors:
            keep_reference(course, version)
        state, decision, decided_by = settle(course, version, ledger.line)
        ledger.write(version=version.id, state=state, decision=decision, decided_by=decided_by)


def _previous_split(store: Store, line: Lap) -> Split | None:
    """Return the split of the lap before this one in the world's time."""
    earlier = [one for one in store.laps.list(line.loop) if one.split and one.as_of < line.as_of]
    return max(earlier, key=lambda one: one.as_of).split if earlier else None


def _close_dead(store: Store, loop: str) -> None:
    """Mark laps that still say running: we hold the lease, so whoever ran them is dead."""
    dead: LapState = "died"
    for line in store.laps.list(loop, limit=10):
        if line.state == "running":
            reason = "the process died; its finished steps are reused"
            store.laps.update(msgspec.structs.replace(line, state=dead, error=reason))
