"""Move rollouts on: start one for a version that passed its gates, decide by its evidence, act.

Every act is written to the rollout's record first; the registry and the deployment follow from the
record. An act that was cut short in between is finished by the next tick.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lapwise.core.digest import digest_value
from lapwise.core.duration import parse_duration
from lapwise.core.errors import ConflictError, StageError
from lapwise.loop.deploy import deploy
from lapwise.loop.happening import Happened, HappenedKind
from lapwise.registry.stages import approve
from lapwise.registry.succession import promote, roll_back
from lapwise.rollout import Evidence, Rollout, abort, advance, decide, start
from lapwise.rollout import approve as approve_step
from lapwise.rollout import roll_back as roll_back_step

if TYPE_CHECKING:
    from lapwise.core.deployment import Deployment
    from lapwise.core.model import ModelVersion
    from lapwise.core.prediction import LogEntry
    from lapwise.core.rollout import Rollout as Record
    from lapwise.loop.bootstrap import Workshop
    from lapwise.loop.model import Loop
    from lapwise.rollout import Decision

__all__ = ["Rolling", "actor_of", "maturity_of", "settle_stage"]

_ALL = 1_000


@dataclass
class Rolling:
    """The rollouts of one model.

    Args:
        workshop: the project.
        loop: the page.
        approver: a policy that approves what has shown itself, and gives up what cannot be told;
            empty: a person does.
        timed: whether latency counts as evidence; it would make two replays differ.
        say: called with each act.
    """

    workshop: Workshop
    loop: Loop
    approver: str = ""
    timed: bool = True
    say: Callable[[Happened], None] = lambda _one: None
    _entries: list[LogEntry] = field(default_factory=list, init=False)
    _evidence: Evidence | None = field(default=None, init=False)
    _deployed: Deployment | None = field(default=None, init=False)
    _began: bool = field(default=False, init=False)

    @property
    def revision(self) -> int:
        """The revision of the deployment in force, 0 if nothing is served."""
        return self._deployed.revision if self._deployed is not None else 0

    @property
    def shadowed(self) -> set[int]:
        """The revisions whose deployment has a shadow."""
        found = self.workshop.store.deployments.list(self.loop.name, limit=_ALL)
        return {one.revision for one in found if one.shadow is not None}

    def add(self, entry: LogEntry) -> None:
        """Take in one entry of the log."""
        if self._evidence is not None:
            self._evidence.add(entry)
        else:
            self._entries.append(entry)

    def tick(self, now: int) -> None:
        """Do all that follows from records and evidence at ``now``."""
        store, name = self.workshop.store, self.loop.name
        rollout = store.rollouts.open(name)
        if rollout is None or not self._began:
            self._finish_acts(now)
        if rollout is None:
            self._approve_first(now)
            rollout = self._start(now)
        if rollout is not None:
            self._move_on(rollout, now)
        else:
            self._evidence = None
            self._entries.clear()  # the next rollout begins with what comes after its start

    def _finish_acts(self, now: int) -> None:
        """Let registry and deployment follow the records, in case whoever acted was killed."""
        store, name = self.workshop.store, self.loop.name
        newest = store.rollouts.list(name, limit=1)
        if newest and not self._approved_since(newest[0]):
            settle_stage(self.workshop, newest[0], at=now)
        production = store.models.production(name)
        shown = self._deployed
        if (
            not self._began
            or shown is None
            or shown.canary
            or shown.shadow
            or (production is not None and production.id != shown.production)
        ):
            self._deploy(now)
        self._began = True

    def _approved_since(self, rollout: Record) -> bool:
        """Say whether the candidate was approved again after its rollout had ended."""
        decided = self.workshop.store.models.approvals(rollout.candidate)
        return bool(decided) and not rollout.open and decided[-1].at > rollout.history[-1].at

    def _approve_first(self, now: int) -> None:
        """Let the policy approve a model's first version, which has nothing to be compared with."""
        store, name = self.workshop.store, self.loop.name
        if not self.approver or store.models.production(name) is not None:
            return
        waiting = self._newest("staging")
        if waiting is not None:
            approve(store, waiting, by=self.approver, at=now, note="the first version")
            self._tell(
                now, "approved", f"v{waiting.number} goes to production (bootstrap)", waiting.id
            )
            self._deploy(now)

    def _start(self, now: int) -> Record | None:
        """Start a rollout for the newest version that passed its gates, unless it had one."""
        store, name = self.workshop.store, self.loop.name
        production = store.models.production(name)
        candidate = self._newest("canary") or self._newest("staging")
        if production is None or candidate is None:
            return None
        if (
            candidate.stage == "staging"
        ):  # only a person's approval gives more than one, or an older
            earlier = store.rollouts.list(name, limit=_ALL)
            if candidate.number < production.number or any(
                one.candidate == candidate.id for one in earlier
            ):
                return None
        made = start(
            id=_id_of(candidate, production, now),
            model=name,
            candidate=candidate.id,
            control=production.id,
            policy=(self.loop.rollout or Rollout()).policy,
            at=now,
            by=self.approver or self.workshop.actor,
        )
        kept = store.rollouts.create(made)
        self._evidence = None
        self._entries.clear()
        self._told(kept)
        self._deploy(now)
        return kept

    def _move_on(self, rollout: Record, now: int) -> None:
        """Take every step that evidence and people allow now."""
        evidence = self._follow(rollout)
        store = self.workshop.store
        # What was folded belongs to the stage that is over once an act begins the next.
        at = max(now, evidence.latest + 1)
        candidate = store.models.get(rollout.candidate)
        reason = self._overtaken(rollout, candidate)
        if reason:
            self._act(abort(rollout, at=at, by="lapwise", reason=reason), rollout, at)
            return
        decision = decide(rollout, evidence, now)
        if decision.action == "roll_back":
            self._act(roll_back_step(rollout, decision, at=at, by="lapwise"), rollout, at)
        elif rollout.phase != "canary" and candidate.stage == "canary":
            self._approved(rollout, candidate, decision, at)
        elif decision.action == "advance":
            self._act(advance(rollout, decision, at=at, by="lapwise"), rollout, at)
        elif self.approver:
            self._by_policy(rollout, candidate, decision, at)

    def _overtaken(self, rollout: Record, candidate: ModelVersion) -> str:
        """Return why a rollout cannot go on whatever its evidence says; empty if it can."""
        production = self.workshop.store.models.production(rollout.model)
        if production is None or production.id != rollout.control:
            return "production is another version than the one that it was compared with"
        if candidate.stage not in ("staging", "canary"):
            return f"v{candidate.number} is {candidate.stage}"
        return ""

    def _by_policy(
        self, rollout: Record, candidate: ModelVersion, decision: Decision, now: int
    ) -> None:
        """Act as the policy does where a person would be asked."""
        if rollout.phase == "waiting":
            note = "the shadow showed no harm"
            try:
                approve(self.workshop.store, candidate, by=self.approver, at=now, note=note)
            except StageError as error:
                self._tell(now, "trouble", str(error).splitlines()[0], candidate.id)
                return
            self._approved(rollout, self.workshop.store.models.get(candidate.id), decision, now)
        elif decision.action == "hold" and not rollout.paused:
            given_up = abort(rollout, at=now, by=self.approver, reason=decision.sentence)
            self._act(given_up, rollout, now)

    def _approved(
        self, rollout: Record, candidate: ModelVersion, decision: Decision, at: int
    ) -> None:
        """Go to the canary's first step: somebody approved the candidate in the registry."""
        if rollout.paused:
            return
        decided = self.workshop.store.models.approvals(candidate.id)
        by = decided[-1].by if decided else self.workshop.actor
        if rollout.phase == "shadow":  # a person may know better than a shadow that is not done
            self._act(advance(rollout, decision, at=at, by=by, force=True), rollout, at)
        waiting = self.workshop.store.rollouts.open(rollout.model)
        if waiting is not None and waiting.phase == "waiting":
            after = approve_step(waiting, at=at, by=by, note=f"Approved by {by}.")
            self._act(after, waiting, at)

    def _act(self, after: Record, before: Record, now: int) -> None:
        """Write an act down, then make registry and deployment follow."""
        try:
            kept = self.workshop.store.rollouts.update(after, seen=before)
        except ConflictError:
            return  # a person acted at the same moment; the next tick sees what became of it
        self._told(kept)
        settle_stage(self.workshop, kept, at=now)
        self._deploy(now)
        if kept.open:
            self._follow(kept)
        else:
            self._evidence = None
            self._entries.clear()

    def _follow(self, rollout: Record) -> Evidence:
        """Return the evidence of a rollout as its history stands now."""
        if self._evidence is None or self._evidence.rollout.id != rollout.id:
            store = self.workshop.store
            candidate, control = (
                store.models.get(one) for one in (rollout.candidate, rollout.control)
            )
            self._evidence = Evidence(
                rollout,
                task=candidate.task,  # type: ignore[arg-type]
                threshold_candidate=candidate.threshold,
                threshold_control=control.threshold,
                classes=candidate.classes,
                mature=maturity_of(self.loop),
            )
            for entry in self._entries:
                self._evidence.add(entry)
            self._entries.clear()
        elif self._evidence.rollout != rollout:
            self._evidence.follow(rollout)
        return self._evidence

    def _newest(self, stage: str) -> ModelVersion | None:
        found = self.workshop.store.models.list(self.loop.name, limit=_ALL)
        return next((one for one in found if one.stage == stage), None)

    def _deploy(self, now: int) -> None:
        workshop = self.workshop
        self._deployed = deploy(workshop.store, workshop.project.live, self.loop.name, at=now)

    def _told(self, rollout: Record) -> None:
        event = rollout.history[-1]
        version = self.workshop.store.models.get(rollout.candidate)
        told = f"v{version.number} {event.action.replace('_', ' ')}: {event.sentence}"
        self._tell(event.at, "rollout", told, rollout.id)

    def _tell(self, at: int, kind: HappenedKind, sentence: str, subject: str) -> None:
        self.say(Happened(at=at, kind=kind, sentence=sentence, subject=subject))


def _id_of(candidate: ModelVersion, production: ModelVersion, now: int) -> str:
    """Return an id that follows from what is rolled out and when.

    Units are assigned by it, so two replays assign them alike.
    """
    versions = [(one.number, one.digest) for one in (candidate, production)]
    return digest_value((candidate.model, versions, now))[:26]


def maturity_of(loop: Loop) -> int:
    """Return after how many microseconds the labels of a prediction have had their time.

    It is the split's embargo, by which 99 in 100 labels are known; without one, the label's window.
    """
    embargo = parse_duration(getattr(loop.split, "embargo", "0s"))
    return embargo or parse_duration(loop.examples.label.within or "0s")


def actor_of(rollout: Record) -> str:
    """Return who acts in the registry for a rollout: whoever did its last act."""
    return f"rollout {rollout.number} by {rollout.history[-1].by or 'lapwise'}"


def settle_stage(workshop: Workshop, rollout: Record, *, at: int) -> None:
    """Let the candidate's stage follow the rollout's phase; done already, it changes nothing."""
    store = workshop.store
    candidate = store.models.get(rollout.candidate)
    if candidate.stage != "canary":
        return
    by, note = actor_of(rollout), rollout.history[-1].sentence
    try:
        if rollout.phase == "promoted":
            promote(store, candidate, by=by, at=at, note=note)
        elif rollout.phase in ("rolled_back", "aborted"):
            roll_back(store, candidate, by=by, at=at, note=note)
    except StageError:
        if store.models.get(candidate.id).stage == "canary":
            raise
        # Whoever acted and the watcher settled it at the same moment: one of them was first.
