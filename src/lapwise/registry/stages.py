"""Moves between stages, and the decisions of people that allow them.

::

    none ──gates passed──▶ staging ──approved──▶ production   (the model's first: ``bootstrap``)
      ▲                     │  │
      └──── withdrawn ──────┘  └────approved──▶ canary        (later ones: a rollout takes over)

Refused and archived versions stand in ``archived`` for good. Each move is one transaction with one
audit entry; of two that race, one wins and the other learns why it lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from lapwise.core.errors import ConflictError, LapwiseError, StageError
from lapwise.core.ids import new_id
from lapwise.core.model import Approval, ModelVersion, Param, Stage, Verdict
from lapwise.registry.audit import anchor, details_of, entries_of
from lapwise.registry.loading import load
from lapwise.registry.parity import self_test
from lapwise.registry.registration import keep_verdicts, named, read_verdicts
from lapwise.store.model import AuditDraft, StageMove

if TYPE_CHECKING:
    from lapwise.core.digest import Digest
    from lapwise.store.model import Store

__all__ = ["MOVE", "approve", "archive", "refuse", "to_staging", "withdraw"]

MOVE = "stage"
_WAIT = 60.0
_GOOD = ("passed", "not_applicable")


def to_staging(
    store: Store,
    version: ModelVersion,
    *,
    actor: str,
    at: int,
    verdicts: Sequence[Verdict] | None = None,
) -> ModelVersion:
    """Move a version whose gates all passed from ``none`` to ``staging``, to wait for approval.

    Args:
        store: where it is kept.
        version: stands in ``none``.
        actor: who moves it: a lap, as a rule.
        at: the world's time in microseconds.
        verdicts: what the gates found last; default: those it was registered with.

    Raises:
        StageError: no gate was judged, one did not pass, or it does not stand in ``none``.
    """
    version = _fresh(store, version)
    if verdicts is None:
        verdicts = read_verdicts(store, version.verdicts) if version.verdicts else ()
    _expect(store, version, "none", "go to staging")
    if not verdicts:
        raise StageError(
            f"{named(version)} was judged by no gate",
            expected="at least one verdict",
            fix="give the page gates=[...] and go round again: lapwise lap",
        )
    bad = [f"{one.gate} {one.name}: {one.status}" for one in verdicts if one.status not in _GOOD]
    if bad:
        raise StageError(
            f"{named(version)} has not passed its gates",
            value="; ".join(bad),
            expected="each gate passed or not applicable",
            fix=f"lapwise gates {named(version)}",
        )
    digest = keep_verdicts(store, verdicts)
    return _move(store, version, "staging", actor=actor, at=at, verdicts=digest)


def withdraw(
    store: Store, version: ModelVersion, *, actor: str, at: int, verdicts: Sequence[Verdict]
) -> ModelVersion:
    """Move a version from ``staging`` back to ``none``: gates judged again no longer pass it.

    Raises:
        StageError: it does not stand in ``staging``.
    """
    version = _fresh(store, version)
    _expect(store, version, "staging", "be withdrawn")
    digest = keep_verdicts(store, verdicts)
    return _move(store, version, "none", actor=actor, at=at, verdicts=digest, mark="withdrawn")


def approve(
    store: Store, version: ModelVersion, *, by: str, at: int, note: str = ""
) -> ModelVersion:
    """Record that somebody approved a version in ``staging``, and let it go on.

    A model's first version has nothing to be compared with: after a self-test (it loads and
    answers its probe as it did when it was packaged) it goes to ``production``, marked
    ``bootstrap``. A later one goes to ``canary``, where a rollout takes it over; the former
    production stays until the rollout ends.

    Args:
        store: where it is kept.
        version: stands in ``staging``.
        by: who approves; a policy says so (``policy:replay``).
        at: the world's time in microseconds.
        note: why, in the approver's words.

    Raises:
        StageError: nobody approves, it does not stand in ``staging``, it fails its self-test,
            another version of the model is being rolled out, or somebody else decided first.
            Nothing was moved or recorded.
    """
    _check_person(by, "approves")
    # The lease keeps two versions of a model from both finding canary empty.
    with _first_come(version), store.leases.hold(f"approve:{version.model}", wait=_WAIT):
        return _approve(store, _fresh(store, version), by=by, at=at, note=note)


def _approve(store: Store, version: ModelVersion, *, by: str, at: int, note: str) -> ModelVersion:
    _expect(store, version, "staging", "be approved")
    first = store.models.production(version.model) is None
    waiting = [one for one in store.models.list(version.model) if one.stage == "canary"]
    if waiting:
        raise StageError(
            f"{named(version)} cannot be approved while another version is in canary",
            value=named(waiting[0]),
            expected="one rollout at a time",
            fix=f"wait for it, or lapwise archive {named(waiting[0])}",
        )
    try:
        self_test(version, load(version, store), store)
    except LapwiseError as error:
        raise StageError(
            f"{named(version)} fails its self-test",
            value=str(error).splitlines()[0],
            expected="the answers it gave when it was packaged",
            fix=f"lapwise doctor, then lapwise refuse {named(version)} and go round again",
        ) from error
    moved = _move(
        store,
        version,
        "production" if first else "canary",
        actor=by,
        at=at,
        mark="bootstrap" if first else "",
        decision="approved",
        note=note,
    )
    anchor(store)
    return moved


def refuse(
    store: Store, version: ModelVersion, *, by: str, at: int, note: str = ""
) -> ModelVersion:
    """Record that somebody refused a version in ``none`` or ``staging``, and archive it.

    Raises:
        StageError: nobody refuses, or it stands elsewhere, or somebody else decided first.
    """
    _check_person(by, "refuses")
    version = _fresh(store, version)
    if version.stage != "none":
        _expect(store, version, "staging", "be refused")
    return _move(
        store, version, "archived", actor=by, at=at, mark="refused", decision="refused", note=note
    )


def archive(store: Store, version: ModelVersion, *, by: str, at: int) -> ModelVersion:
    """Put a version away; nothing is deleted, and it never comes back.

    Raises:
        StageError: nobody archives, it is archived already, or it is in production: that ends when
            another version takes its place, and only then.
    """
    _check_person(by, "archives")
    version = _fresh(store, version)
    if version.stage == "production":
        raise StageError(
            f"{named(version)} answers requests and cannot be archived",
            value="production",
            expected="none, staging or canary",
            fix=f"approve another version of {version.model}; it takes this one's place",
        )
    if version.stage == "archived":
        raise _elsewhere(store, version, "none, staging or canary", "be archived")
    return _move(store, version, "archived", actor=by, at=at)


def _move(
    store: Store,
    version: ModelVersion,
    target: Stage,
    *,
    actor: str,
    at: int,
    mark: str = "",
    verdicts: Digest | None = None,
    decision: Literal["", "approved", "refused"] = "",
    note: str = "",
) -> ModelVersion:
    details = [
        Param(name="version", value=version.id),
        Param(name="from", value=version.stage),
        Param(name="to", value=target),
    ]
    given = {"decision": decision, "mark": mark, "note": note, "verdicts": verdicts}
    details += [Param(name=name, value=value) for name, value in given.items() if value]
    approval = None
    if decision:
        approval = Approval(
            id=new_id(),
            version=version.id,
            decision=decision,
            by=actor,
            at=at,
            note=note,
            verdicts=_judged_last(store, version),
        )
    with _first_come(version):
        store.models.move(
            [StageMove(version=version.id, source=version.stage, target=target, mark=mark)],
            AuditDraft(
                at=at, actor=actor, action=MOVE, subject=named(version), details=tuple(details)
            ),
            approval,
        )
    return _fresh(store, version)


def _judged_last(store: Store, version: ModelVersion) -> Digest | None:
    """Return the verdicts that the decision rests on: those of the last judgement, by the log."""
    last = version.verdicts
    for entry in entries_of(store):
        told = details_of(entry)
        if told.get("version") == version.id and isinstance(told.get("verdicts"), str):
            last = str(told["verdicts"])
    return last


def _fresh(store: Store, version: ModelVersion) -> ModelVersion:
    return store.models.get(version.id)


def _expect(store: Store, version: ModelVersion, stage: Stage, what: str) -> None:
    if version.stage != stage:
        raise _elsewhere(store, version, stage, what)


def _elsewhere(store: Store, version: ModelVersion, expected: str, what: str) -> StageError:
    decided = store.models.approvals(version.id)
    by = f"; {decided[-1].decision} by {decided[-1].by}" if decided else ""
    ways = {
        "none": "its gates must pass first: lapwise lap",
        "staging": f"lapwise approve {named(version)}",
        "canary": "its rollout moves it on",
        "production": f"approve another version of {version.model}",
        "archived": "an archived version never comes back: lapwise lap makes a new one",
    }
    return StageError(
        f"{named(version)} cannot {what} from where it stands",
        value=version.stage + by,
        expected=expected,
        fix=ways[version.stage],
    )


@contextmanager
def _first_come(version: ModelVersion) -> Iterator[None]:
    try:
        yield
    except ConflictError as error:
        raise StageError(
            f"somebody else decided about {version.model} first",
            value=str(error).splitlines()[0],
            expected=f"{named(version)} still in {version.stage}",
            fix=f"look again: lapwise models {version.model}",
        ) from error


def _check_person(by: str, what: str) -> None:
    if not by.strip():
        raise StageError(
            f"nobody {what}",
            value=by,
            expected="the name of a person, or policy:<name>",
            fix="--by NAME, or set LAPWISE_ACTOR",
        )
