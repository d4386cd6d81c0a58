"""How the year's versions came to users: approvals, rollouts, deployments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from lapwise.core.clock import parse_time
from lapwise.core.deployment import Deployment
from lapwise.core.ids import new_id
from lapwise.core.lap import LapState, Trigger
from lapwise.core.model import Approval, ModelVersion, Stage
from lapwise.core.rollout import (
    Guard,
    GuardStatus,
    Rollout,
    RolloutEvent,
    RolloutPhase,
    RolloutPolicy,
)
from lapwise.store.model import AuditDraft, StageMove, Store
from tests.server.seen import DAY, FIRST, HOUR, MODEL

POLICY = RolloutPolicy(
    pairs=1500, steps=(10, 50, 100), hold=DAY, min_units=100, margin=0.05, alpha=0.01
)


@dataclass(frozen=True)
class Trip:
    """One lap of the year: when, why, what the gates said, and what became of the version."""

    at: str
    trigger: Trigger
    state: LapState
    auc: float
    end: RolloutPhase | None = None
    by: str = "ada"


TRIPS = (
    Trip("2013-04-01", Trigger(kind="manual"), "approved", 0.741, by="ada"),
    Trip("2013-05-01", Trigger(kind="schedule", reason="0 3 1 * *"), "approved", 0.748, "promoted"),
    Trip("2013-06-01", Trigger(kind="schedule", reason="0 3 1 * *"), "refused", 0.739),
    Trip(
        "2013-06-28",
        Trigger(kind="alarm", reason="alarm 2: log_loss is worse since 2013-06-25"),
        "approved",
        0.752,
        "promoted",
        by="policy:replay",
    ),
    Trip(
        "2013-08-01", Trigger(kind="schedule", reason="0 3 1 * *"), "approved", 0.744, "rolled_back"
    ),
    Trip("2013-09-01", Trigger(kind="schedule", reason="0 3 1 * *"), "failed", 0.0),
    Trip("2013-10-01", Trigger(kind="schedule", reason="0 3 1 * *"), "approved", 0.757, "promoted"),
    Trip("2013-12-27", Trigger(kind="code", reason="train changed"), "approved", 0.763, "canary"),
)


def _move(
    store: Store,
    version: ModelVersion,
    source: Stage,
    target: Stage,
    by: str,
    at: int,
    mark: str = "",
) -> None:
    act = AuditDraft(at=at, actor=by, action=f"to {target}", subject=f"{MODEL}@v{version.number}")
    moves = [StageMove(version.id, source, target, mark)]
    standing = store.models.production(MODEL)
    if target == "production" and standing is not None:
        moves.append(StageMove(standing.id, "production", "archived"))
    store.models.move(moves, act)


def approve(store: Store, version: ModelVersion, trip: Trip) -> None:
    at = parse_time(trip.at) + 2 * HOUR
    _move(store, version, "none", "staging", "policy:gates", at)
    approval = Approval(
        id=new_id(),
        version=version.id,
        decision="approved",
        by=trip.by,
        at=at,
        note="better on every origin",
    )
    act = AuditDraft(at=at, actor=trip.by, action="approve", subject=f"{MODEL}@v{version.number}")
    if trip.end is None:
        store.models.move(
            [StageMove(version.id, "staging", "production", "bootstrap")], act, approval
        )
        return
    control = store.models.production(MODEL)
    assert control is not None
    store.models.move([StageMove(version.id, "staging", "canary")], act, approval)
    rollout = store.rollouts.create(_rollout(version, control, trip))
    if trip.end == "promoted":
        _move(store, version, "canary", "production", "policy:rollout", rollout.since)
    elif trip.end == "rolled_back":
        _move(store, version, "canary", "staging", "policy:rollout", rollout.since, "rolled back")


def _rollout(version: ModelVersion, control: ModelVersion, trip: Trip) -> Rollout:
    start = parse_time(trip.at) + HOUR
    acts = [
        _act(start, "started", "shadow", 0, "The shadow answers beside production.", "policy:gates"),
        _act(start + DAY, "shadowed", "waiting", 0, "1,500 pairs; no harm is shown.", "", _guards(1500, 0.002, 0.016)),
        _act(start + DAY + HOUR, "approved", "canary", 10, "Approved: 10 % of units from now on.", trip.by),
    ]  # fmt: skip
    guards: tuple[Guard, ...] = ()
    since, weight = start + DAY + HOUR, 10
    if trip.end == "rolled_back":
        guards = _guards(412, 0.11, 0.05, "harmful", evidence=812.0)
        since, weight = start + 2 * DAY, 0
        acts.append(
            _act(
                since,
                "rolled_back",
                "rolled_back",
                0,
                "Mistakes: harmful, evidence 812 of 400 needed.",
                "policy:rollout",
                guards,
            )
        )
    else:
        held = _guards(640, 0.004, 0.03)
        since, weight = start + 2 * DAY, 50
        acts.append(
            _act(
                since,
                "raised",
                "canary",
                50,
                "Harmless within the margin: 50 % of units.",
                "policy:rollout",
                held,
            )
        )
        guards = _guards(233, 0.012, 0.071, "cannot_tell")
    if trip.end == "promoted":
        guards = _guards(2_120, 0.003, 0.02)
        since, weight = start + 4 * DAY, 100
        acts.append(
            _act(
                since,
                "promoted",
                "promoted",
                100,
                "Harmless at 100 %: in production.",
                "policy:rollout",
                guards,
            )
        )
    phase: RolloutPhase = trip.end or "shadow"
    return Rollout(
        id=new_id(), model=MODEL, candidate=version.id, control=control.id, policy=POLICY, phase=phase,
        started=start, since=since, step=1, weight=weight, guards=guards, history=tuple(acts),
    )  # fmt: skip


def _act(
    at: int,
    action: str,
    phase: RolloutPhase,
    weight: int,
    sentence: str,
    by: str,
    guards: tuple[Guard, ...] = (),
) -> RolloutEvent:
    return RolloutEvent(
        at=at, action=action, phase=phase, weight=weight, sentence=sentence, by=by, guards=guards
    )


def _guards(
    units: int, harm: float, width: float, status: GuardStatus = "harmless", evidence: float = 0.4
) -> tuple[Guard, ...]:
    failures = Guard(
        name="failures", status="harmless", candidate=units, control=units * 9, measured=0.0, low=-0.01, high=0.012,
        limit=0.05, evidence=0.7, needed=400.0,
        sentence=f"0 of {units:,} units failed with the candidate, 0 of {units * 9:,} with production.",
    )  # fmt: skip
    mistakes = Guard(
        name="mistakes", status=status, candidate=units, control=units * 9, measured=harm, low=harm - width,
        high=harm + width, limit=0.05, evidence=evidence, needed=400.0,
        sentence=f"Mistakes differ by {100 * harm:.1f} points.",
    )  # fmt: skip
    few = Guard(
        name="latency", status="cannot_tell", candidate=12, control=108, sentence="Too few units yet.",
        low=-math.inf, high=math.inf, limit=0.05, needed=400.0,
    )  # fmt: skip
    routed = Guard(
        name="assignment", status="harmless", candidate=units, control=units * 9, measured=0.101, limit=0.1,
        sentence=f"{units:,} of {units * 10:,} new units came to the candidate, as 10 % should.", needed=1000.0,
    )  # fmt: skip
    return failures, mistakes, few, routed


def deploy(store: Store, fates: Sequence[tuple[ModelVersion, Trip]]) -> None:
    first = fates[0][0]
    now = Deployment(model=MODEL, production=first.id, at=FIRST + 3 * HOUR, reason="bootstrap")
    store.deployments.add(now)
    for version, trip in fates[1:]:
        start = parse_time(trip.at) + HOUR
        name = f"v{version.number}"
        store.deployments.add(
            Deployment(
                model=MODEL,
                production=now.production,
                shadow=version.id,
                at=start,
                reason=f"{name} shadows",
            )
        )
        for step, (days, weight) in enumerate(((1, 1000), (2, 5000), (3, 10_000))):
            if step == {"canary": 2, "rolled_back": 1}.get(trip.end or ""):
                break
            store.deployments.add(
                Deployment(
                    model=MODEL,
                    production=now.production,
                    canary=version.id,
                    weight=weight,
                    salt=name,
                    at=start + days * DAY,
                    reason=f"{name} at {weight // 100} %",
                )
            )
        if trip.end == "promoted":
            now = Deployment(
                model=MODEL, production=version.id, at=start + 4 * DAY, reason=f"{name} promoted"
            )
            store.deployments.add(now)
        elif trip.end == "rolled_back":
            store.deployments.add(
                msgspec.structs.replace(now, at=start + 2 * DAY, reason=f"{name} rolled back")
            )
