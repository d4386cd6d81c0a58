"""One act that changes stages: its transaction, its audit entry, and how it is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from lapwise.core.errors import ConflictError, StageError
from lapwise.core.ids import new_id
from lapwise.core.model import Approval, ModelVersion, Param, Stage
from lapwise.registry.audit import details_of, entries_of
from lapwise.registry.registration import named
from lapwise.store.model import AuditDraft, StageMove

if TYPE_CHECKING:
    from lapwise.core.digest import Digest
    from lapwise.store.model import Store

__all__ = ["MOVE", "check_person", "elsewhere", "expect", "first_come", "fresh", "move"]

MOVE = "stage"
"""The action of every audit entry that changes stages."""


def move(
    store: Store,
    version: ModelVersion,
    target: Stage,
    *,
    actor: str,
    at: int,
    mark: str = "",
    former: StageMove | None = None,
    verdicts: Digest | None = None,
    decision: Literal["", "approved", "refused"] = "",
    note: str = "",
) -> ModelVersion:
    """Move a version, and ``former`` with it, in one transaction with one audit entry.

    Returns:
        The version as it stands after.

    Raises:
        StageError: one of them does not stand where it was seen; nothing was moved or recorded.
    """
    details = [
        Param(name="version", value=version.id),
        Param(name="from", value=version.stage),
        Param(name="to", value=target),
    ]
    given = {"decision": decision, "mark": mark, "note": note, "verdicts": verdicts}
    if former is not None:
        given |= {
            "former": former.version,
            "former_from": former.source,
            "former_to": former.target,
            "former_mark": former.mark,
        }
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
    moves = [StageMove(version=version.id, source=version.stage, target=target, mark=mark)]
    with first_come(version):
        store.models.move(
            moves if former is None else [*moves, former],
            AuditDraft(
                at=at, actor=actor, action=MOVE, subject=named(version), details=tuple(details)
            ),
            approval,
        )
    return fresh(store, version)


def _judged_last(store: Store, version: ModelVersion) -> Digest | None:
    """Return the verdicts that the decision rests on: those of the last judgement, by the log."""
    last = version.verdicts
    for entry in entries_of(store):
        told = details_of(entry)
        if told.get("version") == version.id and isinstance(told.get("verdicts"), str):
            last = str(told["verdicts"])
    return last


def fresh(store: Store, version: ModelVersion) -> ModelVersion:
    """Return a version as it stands now."""
    return store.models.get(version.id)


def expect(store: Store, version: ModelVersion, stage: Stage, what: str) -> None:
    """Refuse what can be done only from one stage; ``what`` is a verb such as ``be approved``."""
    if version.stage != stage:
        raise elsewhere(store, version, stage, what)


def elsewhere(store: Store, version: ModelVersion, expected: str, what: str) -> StageError:
    """Return the error of a version that stands where it cannot do something, with the way on."""
    decided = store.models.approvals(version.id)
    by = f"; {decided[-1].decision} by {decided[-1].by}" if decided else ""
    ways = {
        "none": "its gates must pass first: lapwise lap",
        "staging": f"lapwise approve {named(version)}",
        "canary": "its rollout moves it on: lapwise rollout status",
        "production": f"approve another version of {version.model}",
        "archived": "what is archived never comes back to staging: lapwise lap makes a new one",
    }
    return StageError(
        f"{named(version)} cannot {what} from where it stands",
        value=version.stage + by,
        expected=expected,
        fix=ways[version.stage],
    )


@contextmanager
def first_come(version: ModelVersion) -> Iterator[None]:
    """Raise, for a race that was lost inside the block, the StageError that says so."""
    try:
        yield
    except ConflictError as error:
        raise StageError(
            f"somebody else decided about {version.model} first",
            value=str(error).splitlines()[0],
            expected=f"{named(version)} still in {version.stage}",
            fix=f"look again: lapwise models {version.model}",
        ) from error


def check_person(by: str, what: str) -> None:
    """Refuse a deed that nobody does; ``what`` is a verb such as ``approves``."""
    if not by.strip():
        raise StageError(
            f"nobody {what}",
            value=by,
            expected="the name of a person, or policy:<name>",
            fix="--by NAME, or set LAPWISE_ACTOR",
        )
