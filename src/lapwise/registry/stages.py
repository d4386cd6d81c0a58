"""Moves between stages, and the decisions of people that allow them.

::

    none ──gates passed──▶ staging ──approved──▶ canary ──promoted──▶ production ──replaced──▶ archived
      ▲                     │  ▲ ▲                 │                   │    ▲                     │
      └──────withdrawn──────┘  │ └───rolled back───┘                   │    └──────restored───────┘
                               └──────────────rolled back──────────────┘

A model's first version has nothing to be compared with: approved, it goes from ``staging`` straight
to ``production`` (``bootstrap``). A later one stands in ``canary`` while its rollout goes on, which
ends by ``promote`` or ``roll_back`` (``succession.py``). Refused versions, and those archived by
hand, stand in ``archived`` for good. Each act is one transaction with one audit entry; of two that
race, one wins and the other learns why it lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lapwise.core.errors import LapwiseError, StageError
from lapwise.core.model import ModelVersion, Verdict
from lapwise.registry.audit import anchor
from lapwise.registry.kept import check_served
from lapwise.registry.loading import load
from lapwise.registry.moves import check_person, elsewhere, expect, first_come, fresh, move
from lapwise.registry.parity import self_test
from lapwise.registry.registration import keep_verdicts, named, read_verdicts

if TYPE_CHECKING:
    from lapwise.store.model import Store

__all__ = ["approve", "archive", "refuse", "to_staging", "withdraw"]

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
    version = fresh(store, version)
    check_served(version)
    if verdicts is None:
        verdicts = read_verdicts(store, version.verdicts) if version.verdicts else ()
    expect(store, version, "none", "go to staging")
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
    return move(store, version, "staging", actor=actor, at=at, verdicts=digest)


def withdraw(
    store: Store, version: ModelVersion, *, actor: str, at: int, verdicts: Sequence[Verdict]
) -> ModelVersion:
    """Move a version from ``staging`` back to ``none``: gates judged again no longer pass it.

    Raises:
        StageError: it does not stand in ``staging``.
    """
    version = fresh(store, version)
    expect(store, version, "staging", "be withdrawn")
    digest = keep_verdicts(store, verdicts)
    return move(store, version, "none", actor=actor, at=at, verdicts=digest, mark="withdrawn")


def approve(
    store: Store, version: ModelVersion, *, by: str, at: int, note: str = ""
) -> ModelVersion:
    """Record that somebody approved a version in ``staging``, and let it go on.

    A model's first version has nothing to be compared with: after a self-test (it loads and
    answers its probe as it did when it was packaged) it goes to ``production``, marked
    ``bootstrap``. A later one goes to ``canary``, where a rollout takes it over; the version in
    production stays until :func:`lapwise.registry.promote` lets the later one take its place. A
    version that was rolled back may be approved again: a person decides, and its mark stays.

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
        ModelError: an MLflow client registered it, so it is never served.
    """
    check_person(by, "approves")
    check_served(version)
    # The lease keeps two versions of a model from both finding canary empty.
    with first_come(version), store.leases.hold(f"approve:{version.model}", wait=_WAIT):
        return _approve(store, fresh(store, version), by=by, at=at, note=note)


def _approve(store: Store, version: ModelVersion, *, by: str, at: int, note: str) -> ModelVersion:
    expect(store, version, "staging", "be approved")
    first = store.models.production(version.model) is None
    waiting = [one for one in store.models.list(version.model) if one.stage == "canary"]
    if waiting:
        raise StageError(
            f"{named(version)} cannot be approved while another version is in canary",
            value=named(waiting[0]),
            expected="one rollout at a time",
            fix=f"wait for its rollout to end, or lapwise rollback {named(waiting[0])}",
        )
    try:
        self_test(version, load(version, store.blobs), store.blobs)
    except LapwiseError as error:
        raise StageError(
            f"{named(version)} fails its self-test",
            value=str(error).splitlines()[0],
            expected="the answers it gave when it was packaged",
            fix=f"lapwise doctor, then lapwise refuse {named(version)} and go round again",
        ) from error
    moved = move(
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
    check_person(by, "refuses")
    version = fresh(store, version)
    if version.stage != "none":
        expect(store, version, "staging", "be refused")
    return move(
        store, version, "archived", actor=by, at=at, mark="refused", decision="refused", note=note
    )


def archive(store: Store, version: ModelVersion, *, by: str, at: int) -> ModelVersion:
    """Put a version away; nothing is deleted, and it never comes back.

    Raises:
        StageError: nobody archives, it is archived already, or it is in production: that ends when
            another version takes its place, and only then.
    """
    check_person(by, "archives")
    version = fresh(store, version)
    if version.stage == "production":
        raise StageError(
            f"{named(version)} answers requests and cannot be archived",
            value="production",
            expected="none, staging or canary",
            fix=f"approve another version of {version.model}; it takes this one's place",
        )
    if version.stage == "archived":
        raise elsewhere(store, version, "none, staging or canary", "be archived")
    return move(store, version, "archived", actor=by, at=at)
