"""Acts upon models that no loop governs, as a registry without gates does them; each is audited.

For a governed model only gates and approval lead to production, so there the same wishes are refused,
or become a request that a person decides about::

    to           governed                                    not governed
    Production   in staging: `request-approval`, refused     moved, beside others that stand there
    Archived     from none, staging (as `lapwise archive`)   moved
    Staging      refused: gates lead there                   moved
    None         refused                                     moved
    deleted      from none, staging, archived                archived and marked, from anywhere
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lapwise.core.errors import NotFoundError, StageError
from lapwise.core.model import ModelVersion, Param, Stage
from lapwise.registry.kept import DELETED, KEPT
from lapwise.registry.moves import MOVE, check_person, first_come, fresh
from lapwise.registry.registration import named
from lapwise.registry.stages import archive
from lapwise.store.model import AuditDraft, StageMove

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = [
    "RENAME",
    "REQUEST",
    "REQUESTED",
    "delete_versions",
    "is_governed",
    "rename_model",
    "request_approval",
    "restage",
]

REQUESTED = "approval-requested"
"""The mark of a version for which somebody asked that it be approved."""

RENAME, REQUEST = "rename", "request-approval"
_KEPT: tuple[Stage, ...] = ("none", "staging", "archived")


def restage(
    store: Store,
    version: ModelVersion,
    target: Stage,
    *,
    by: str,
    at: int,
    others: Sequence[ModelVersion] = (),
) -> ModelVersion:
    """Move a version to a stage because somebody says so, and archive ``others`` with it.

    Several versions of a model that no loop governs may stand in production. A version that stands
    there already stays, unaudited. Of a governed model a version may only be archived.

    Args:
        store: where they are kept.
        version: any version of the model.
        target: where to.
        by: who says so.
        at: when, in microseconds.
        others: versions of the same model that are archived in the same transaction and entry.

    Raises:
        StageError: nobody says so, a loop governs the model, or somebody else moved one of them first.
    """
    check_person(by, "moves a version")
    version = fresh(store, version)
    if is_governed(store, version):
        return _of_governed(store, version, target, by=by, at=at)
    away = [one for one in others if one.stage != "archived"]
    if version.stage == target and not away:
        return version
    details = [
        Param(name="version", value=version.id),
        Param(name="from", value=version.stage),
        Param(name="to", value=target),
    ]
    if away:
        details.append(Param(name="archived", value=",".join(one.id for one in away)))
    moves = [StageMove(one.id, one.stage, "archived") for one in away]
    moves.append(StageMove(version.id, version.stage, target))
    with first_come(version):
        store.models.move(moves, _draft(MOVE, named(version), by, at, details))
    return fresh(store, version)


def is_governed(store: Store, version: ModelVersion) -> bool:
    """Say whether only gates and an approval lead a version to production.

    So it is where a loop governs the model, and for each version that Lapwise packaged itself: it
    would be served.
    """
    return version.format != KEPT or store.models.get_name(version.model).governed


def _of_governed(
    store: Store, version: ModelVersion, target: Stage, *, by: str, at: int
) -> ModelVersion:
    if version.stage == target:
        return version
    if target == "archived" and version.stage in _KEPT:
        return archive(store, version, by=by, at=at)
    ways = {
        "production": f"lapwise approve {named(version)}",
        "staging": "its gates lead there: lapwise lap",
        "archived": "its rollout, or another version that takes its place, ends that",
    }
    raise StageError(
        f"{version.model} is governed by a loop, or would be served: {named(version)} cannot be moved"
        " by hand",
        value=f"{version.stage} to {target}",
        expected="gates, an approval and a rollout",
        fix=ways.get(target, "lapwise models " + version.model),
    )


def request_approval(store: Store, version: ModelVersion, *, by: str, at: int) -> ModelVersion:
    """Write down that somebody asks for a version of a governed model to be approved.

    It stays where it is, marked ``approval-requested``; a person decides.

    Raises:
        StageError: it does not wait for an approval: its gates have not passed, or it was decided.
    """
    check_person(by, "asks for an approval")
    version = fresh(store, version)
    if version.stage != "staging":
        fixes = {
            "none": "its gates must pass first: lapwise lap",
            "canary": "lapwise rollout status",
        }
        raise StageError(
            f"{version.model} is governed by a loop, or would be served, and {named(version)} does not"
            " wait for approval",
            value=version.stage,
            expected="staging",
            fix=fixes.get(version.stage, f"lapwise models {version.model}"),
        )
    details = [
        Param(name="version", value=version.id),
        Param(name="from", value="staging"),
        Param(name="to", value="staging"),
        Param(name="mark", value=REQUESTED),
    ]
    with first_come(version):
        store.models.move(
            [StageMove(version.id, "staging", "staging", REQUESTED)],
            _draft(REQUEST, named(version), by, at, details),
        )
    return fresh(store, version)


def delete_versions(
    store: Store, versions: Sequence[ModelVersion], *, by: str, at: int, subject: str
) -> None:
    """Archive versions and mark them ``deleted``, in one transaction with one audit entry.

    Nothing is removed: they stay readable in Lapwise and in the log; no MLflow client sees them.

    Args:
        store: where they are kept.
        versions: of one model; those that are deleted already are left at that.
        by: who deletes.
        at: when, in microseconds.
        subject: what is deleted, for the log: a version as ``model@vN``, or the model.

    Raises:
        StageError: nobody deletes, or one of a governed model answers requests or is rolled out.
    """
    check_person(by, "deletes")
    there = [one for one in (fresh(store, one) for one in versions) if DELETED not in one.marks]
    if not there:
        return
    busy = [one for one in there if one.stage not in _KEPT and is_governed(store, one)]
    if busy:
        raise StageError(
            f"{named(busy[0])} is in {busy[0].stage} and cannot be deleted",
            value=busy[0].stage,
            expected=" or ".join(_KEPT),
            fix="its rollout, or another version that takes its place, ends that",
        )
    first, *others = there
    details = [
        Param(name="version", value=first.id),
        Param(name="from", value=first.stage),
        Param(name="to", value="archived"),
        Param(name="mark", value=DELETED),
    ]
    if others:
        details.append(Param(name="deleted", value=",".join(one.id for one in others)))
    with first_come(first):
        store.models.move(
            [StageMove(one.id, one.stage, "archived", DELETED) for one in there],
            _draft("delete", subject, by, at, details),
        )


def rename_model(store: Store, name: str, new: str, *, by: str, at: int) -> None:
    """Give a model that no loop governs another name, and all its versions with it.

    Raises:
        ConflictError: the name is taken, or a loop governs the model.
        NotFoundError: there is no such model.
    """
    check_person(by, "renames")
    if _may_become(store, name, new):
        # Told before it is done: a version under a name that the log does not tell of is a forgery.
        told = (Param(name="from", value=name), Param(name="to_name", value=new))
        store.models.move((), _draft(RENAME, new, by, at, told))
    store.models.update_name(name, at=at, new=new)


def _may_become(store: Store, name: str, new: str) -> bool:
    """Say whether nothing speaks against a new name, as far as can be seen before."""
    if store.models.get_name(name).governed:
        return False
    try:
        store.models.get_name(new)
    except NotFoundError:
        return True
    return False


def _draft(action: str, subject: str, by: str, at: int, details: Sequence[Param]) -> AuditDraft:
    return AuditDraft(at=at, actor=by, action=action, subject=subject, details=tuple(details))
