"""The ledger: one line a lap, with what became of its version since."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lapwise.core.errors import NotFoundError
from lapwise.core.lap import Lap, LapState, Trigger
from lapwise.core.model import Record, VerdictStatus
from lapwise.registry.registration import read_verdicts

if TYPE_CHECKING:
    from lapwise.core.model import ModelVersion, Verdict
    from lapwise.store.model import Store

__all__ = ["LedgerLine", "last_verdicts", "ledger"]

_SHORT: dict[VerdictStatus, str] = {
    "passed": "passed",
    "failed": "failed",
    "cannot_tell": "unsure",
    "not_applicable": "n/a",
}


class LedgerLine(Record, frozen=True, kw_only=True):
    """A lap as people read it.

    ``ran`` and ``reused`` count steps. ``decision`` and ``who`` are those of a rollout that took the
    lap's version back, else of a person once one has decided about it, of the gates before that.
    """

    number: int
    loop: str
    as_of: int
    trigger: Trigger
    state: LapState
    ran: int
    reused: int
    seconds: float
    verdicts: str
    decision: str
    who: str
    run: str | None
    version: str | None


def ledger(store: Store, *, limit: int = 20, after: str = "") -> tuple[LedgerLine, ...]:
    """Return the laps of all loops, newest first, those that come after the one with an id."""
    return tuple(_line(store, lap) for lap in store.laps.list(limit=limit, after=after))


def last_verdicts(store: Store, version: ModelVersion) -> tuple[Verdict, ...]:
    """Return what the gates found of a version in the newest lap that judged it."""
    for lap in store.laps.list(version.model):
        if lap.version == version.id and lap.verdicts:
            return lap.verdicts
    return read_verdicts(store, version.verdicts) if version.verdicts else ()


def _line(store: Store, lap: Lap) -> LedgerLine:
    reused = sum(step.reused for step in lap.steps)
    found = Counter(verdict.status for verdict in lap.verdicts)
    decision, who = _decided(store, lap)
    return LedgerLine(
        number=lap.number,
        loop=lap.loop,
        as_of=lap.as_of,
        trigger=lap.trigger,
        state=lap.state,
        ran=len(lap.steps) - reused,
        reused=reused,
        seconds=lap.seconds,
        verdicts=" ".join(f"{found[one]} {word}" for one, word in _SHORT.items() if found[one]),
        decision=decision,
        who=who,
        run=lap.run,
        version=lap.version,
    )


def _decided(store: Store, lap: Lap) -> tuple[str, str]:
    if lap.error:
        return f"failed: {lap.error.splitlines()[0]}", ""
    if lap.version is None or lap.state == "refused":
        return lap.decision, lap.decided_by
    try:
        version = store.models.get(lap.version)
    except NotFoundError:
        return lap.decision, lap.decided_by
    rollout = next(
        (one for one in store.rollouts.list(lap.loop) if one.candidate == version.id), None
    )
    if rollout is not None and rollout.phase in ("rolled_back", "aborted"):
        ended = rollout.history[-1]
        before = rollout.history[-2].phase if len(rollout.history) > 1 else rollout.phase
        return f"v{version.number} {rollout.phase.replace('_', ' ')} in {before}", ended.by
    decisions = store.models.approvals(version.id)
    if not decisions:
        return lap.decision, lap.decided_by
    last = decisions[-1]
    return f"v{version.number} {last.decision}, {version.stage}", last.by
