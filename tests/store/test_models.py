"""Model versions, stages and approvals, on both databases."""

from __future__ import annotations

import msgspec
import pytest

from lapwise.core.errors import ConflictError, DeclarationError, NotFoundError, StageError
from lapwise.core.ids import new_id
from lapwise.core.model import Approval, ModelVersion
from lapwise.store.model import Store
from tests.store import making


def approval(version: ModelVersion, at: int = 1) -> Approval:
    return Approval(id=new_id(), version=version.id, decision="approved", by="ada", at=at)


@pytest.fixture
def two(store: Store) -> tuple[ModelVersion, ModelVersion]:
    """Two versions of a model that a loop governs; the first is in production."""
    old, new = (
        store.models.add(making.version(content=text, lap_id="lap"), making.act()) for text in "ab"
    )
    store.models.move([making.move(old, "none", "production")], making.act("promote"))
    return store.models.get(old.id), new


def test_versions_are_numbered_in_their_model_and_audited(store: Store) -> None:
    """Each registration takes the next number and leaves one audit entry."""
    names = [("a", "x"), ("a", "y"), ("b", "x")]
    numbers = [store.models.add(making.version(*name), making.act()).number for name in names]
    assert numbers == [1, 2, 1]
    assert [entry.action for entry in store.audit.entries()] == ["register"] * 3


def test_the_same_model_of_the_same_run_is_one_version(store: Store) -> None:
    """Registering again returns what is there and audits nothing; another run is another."""
    first = store.models.add(making.version(run_id="r1"), making.act())
    assert store.models.add(making.version(run_id="r1"), making.act()) == first
    assert store.models.add(making.version(run_id="r2"), making.act()).number == 2
    assert len(store.audit.entries()) == 2


def test_a_version_is_found_by_every_name_it_has(
    store: Store, two: tuple[ModelVersion, ModelVersion]
) -> None:
    """Id, model@vN, model@stage and model (the newest)."""
    old, new = two
    for reference in (old.id, "flight-delay@v1", "flight-delay@production"):
        assert store.models.get(reference) == old
    assert store.models.get("flight-delay") == store.models.get("flight-delay@none") == new
    assert store.models.production("flight-delay") == old
    assert store.models.production("other") is None
    assert [one.number for one in store.models.list("flight-delay")] == [2, 1]
    assert len(store.models.list(limit=1)) == 1


@pytest.mark.parametrize(
    ("reference", "near"),
    [("flight-dely", "flight-delay"), ("flight-delay@canary", "flight-delay@production")],
)
def test_a_wrong_name_says_the_near_ones(
    store: Store, two: tuple[ModelVersion, ModelVersion], reference: str, near: str
) -> None:
    """Who mistypes is told what there is."""
    with pytest.raises(NotFoundError, match=near):
        store.models.get(reference)


def test_a_move_changes_stages_approval_and_audit_together(
    store: Store, two: tuple[ModelVersion, ModelVersion]
) -> None:
    """One call archives the old version, promotes the new one, and says who did it."""
    old, new = two
    given = approval(new)
    moves = [
        making.move(new, "none", "production", mark="bootstrap"),
        making.move(old, "production", "archived"),
    ]
    entry = store.models.move(moves, making.act("promote"), given)
    assert store.models.get(old.id).stage == "archived"
    found = store.models.get(new.id)
    assert (found.stage, found.marks) == ("production", ("bootstrap",))
    assert found.updated == making.act().at
    assert msgspec.structs.replace(found, stage="none", marks=(), updated=new.updated) == new
    assert store.models.approvals(new.id) == [given]
    assert store.audit.head() == entry


def test_a_move_from_another_stage_is_refused_whole(
    store: Store, two: tuple[ModelVersion, ModelVersion]
) -> None:
    """If one version does not stand where the mover thought, nothing moves."""
    old, new = two
    moves = [making.move(new, "none", "staging"), making.move(old, "canary", "archived")]
    before = store.audit.head()
    with pytest.raises(ConflictError, match="v1"):
        store.models.move(moves, making.act("promote"), approval(new))
    assert store.models.get(new.id) == new
    assert store.models.approvals(new.id) == []
    assert store.audit.head() == before


def test_a_model_has_one_version_in_production(
    store: Store, two: tuple[ModelVersion, ModelVersion]
) -> None:
    """A second one is refused, with the first one named; another model is free."""
    _, new = two
    with pytest.raises(ConflictError, match="v1"):
        store.models.move([making.move(new, "none", "production")], making.act("promote"))
    other = store.models.add(making.version("other"), making.act())
    store.models.move([making.move(other, "none", "production")], making.act("promote"))


def test_a_decision_that_moves_nothing_is_audited(
    store: Store, two: tuple[ModelVersion, ModelVersion]
) -> None:
    """Decisions come oldest first, each with its entry."""
    _, new = two
    late, early = approval(new, at=2), approval(new, at=1)
    for one in (late, early):
        assert store.models.decide(one, making.act("refuse")).action == "refuse"
    assert store.models.approvals(new.id) == [early, late]
    with pytest.raises(ConflictError):
        store.models.decide(late, making.act("refuse"))


def test_what_is_not_there_cannot_be_moved_or_decided(store: Store) -> None:
    """An unknown version, or an unknown stage, is an error and leaves no entry."""
    ghost = making.version()
    with pytest.raises(NotFoundError):
        store.models.move([making.move(ghost, "none", "staging")], making.act())
    with pytest.raises(NotFoundError):
        store.models.decide(approval(ghost), making.act())
    with pytest.raises((StageError, DeclarationError), match=r"live|target"):
        store.models.move([making.move(ghost, "none", "live")], making.act())  # type: ignore[arg-type]
    assert store.audit.head() is None
