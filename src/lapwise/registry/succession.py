"""One version takes the place of another in production, and gives it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.errors import StageError
from lapwise.core.model import ModelVersion
from lapwise.registry.audit import anchor, details_of, entries_of
from lapwise.registry.moves import check_person, elsewhere, expect, fresh, move
from lapwise.registry.registration import named
from lapwise.store.model import StageMove

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["promote", "roll_back"]


def promote(
    store: Store, version: ModelVersion, *, by: str, at: int, note: str = ""
) -> ModelVersion:
    """Move a version from ``canary`` to ``production``, and what stands there to ``archived``.

    Both in one transaction with one audit entry, so that a model is never without a version in
    production and never has two. The former is marked ``replaced``. The log's head is anchored.

    Args:
        store: where both are kept.
        version: stands in ``canary``; what its rollout showed was judged before.
        by: who promotes: a rollout, as a rule, or a person.
        at: the world's time in microseconds.
        note: why.

    Raises:
        StageError: nobody promotes, it does not stand in ``canary``, or somebody else moved one of
            the two first. Nothing was moved or recorded.
    """
    check_person(by, "promotes")
    version = fresh(store, version)
    expect(store, version, "canary", "be promoted")
    present = store.models.production(version.model)
    former = None
    if present is not None:
        former = StageMove(present.id, "production", "archived", "replaced")
    moved = move(store, version, "production", actor=by, at=at, former=former, note=note)
    anchor(store)
    return moved


def roll_back(
    store: Store, version: ModelVersion, *, by: str, at: int, note: str = ""
) -> ModelVersion:
    """Take a version away from users: back to ``staging``, marked ``rolled_back``.

    From ``canary`` it goes alone. From ``production`` the version that it replaced, by the audit
    log, comes back from ``archived`` in the same transaction and entry, marked ``restored``. The
    log's head is anchored.

    Args:
        store: where they are kept.
        version: stands in ``canary`` or ``production``.
        by: who rolls back: a rollout or a person.
        at: the world's time in microseconds.
        note: why.

    Raises:
        StageError: nobody rolls back, it stands elsewhere, it replaced no version, or somebody else
            moved one of the two first. Nothing was moved or recorded.
    """
    check_person(by, "rolls back")
    version = fresh(store, version)
    former = None
    if version.stage == "production":
        former = StageMove(_replaced_by(store, version), "archived", "production", "restored")
    elif version.stage != "canary":
        raise elsewhere(store, version, "canary or production", "be rolled back")
    moved = move(
        store, version, "staging", actor=by, at=at, mark="rolled_back", former=former, note=note
    )
    anchor(store)
    return moved


def _replaced_by(store: Store, version: ModelVersion) -> str:
    """Return the id of the version whose place this one took when it last came to production."""
    last = None
    for entry in entries_of(store):
        told = details_of(entry)
        if told.get("version") == version.id and told.get("to") == "production":
            last = told.get("former")
    if last is None:
        raise StageError(
            f"{named(version)} replaced no other version, so there is none to go back to",
            value=", ".join(version.marks) or version.stage,
            expected="a version that was promoted in the place of another",
            fix=f"approve another version of {version.model}; its rollout takes this one's place",
        )
    return str(last)
