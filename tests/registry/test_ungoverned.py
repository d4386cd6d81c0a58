"""Acts upon models that no loop governs, and what the same wishes become where one does."""

from __future__ import annotations

import pytest

from lapwise.core.errors import ConflictError, NotFoundError, StageError
from lapwise.core.model import ModelVersion, Stage
from lapwise.registry import (
    Packaged,
    delete_versions,
    keep,
    rename_model,
    request_approval,
    restage,
    verify,
)
from lapwise.store.model import Store
from tests.registry.examples import registered, staged

STAGES: tuple[Stage, ...] = ("staging", "production")


def three(store: Store) -> list[ModelVersion]:
    return [keep(store, model="m", artifacts=(), actor="ada", at=1) for _ in range(3)]


def stages(store: Store, model: str = "m") -> list[str]:
    return [one.stage for one in reversed(store.models.list(model))]


def test_several_stand_in_production_and_one_act_archives_many(store: Store) -> None:
    a, b, c = three(store)
    restage(store, a, "production", by="ada", at=2)
    restage(store, b, "production", by="ada", at=3)
    assert stages(store) == ["production", "production", "none"]
    others = [one for one in store.models.list("m") if one.stage == "production"]
    entries = len(store.audit.entries())
    restage(store, c, "production", by="ada", at=4, others=others)
    assert stages(store) == ["archived", "archived", "production"]
    assert len(store.audit.entries()) == entries + 1
    restage(store, c, "production", by="ada", at=5)  # it is there: nothing to tell
    assert len(store.audit.entries()) == entries + 1
    assert verify(store).problems == ()


def test_deleted_versions_are_archived_marked_and_told(store: Store) -> None:
    versions = three(store)
    delete_versions(store, versions[:1], by="ada", at=2, subject="m@v1")
    delete_versions(store, versions, by="ada", at=3, subject="m")
    delete_versions(store, versions, by="ada", at=4, subject="m")
    assert [(one.stage, one.marks) for one in store.models.list("m")] == [
        ("archived", ("deleted",))
    ] * 3
    assert [e.action for e in store.audit.entries()][3:] == ["delete", "delete"]
    assert verify(store).problems == ()


def test_a_new_name_is_told_and_a_quiet_one_is_found_out(store: Store) -> None:
    three(store)
    rename_model(store, "m", "n", by="ada", at=2)
    rename_model(store, "n", "o", by="ada", at=3)
    assert stages(store, "o") == ["none"] * 3
    assert verify(store).problems == ()
    store.models.update_name("o", at=4, new="stolen")
    assert any("registered under m" in one for one in verify(store).problems)
    with pytest.raises(NotFoundError):
        rename_model(store, "m", "q", by="ada", at=5)


def test_what_lapwise_packaged_goes_to_production_by_approval_only(
    store: Store, packaged: Packaged
) -> None:
    version = registered(store, packaged)
    for stage in STAGES:
        with pytest.raises(StageError, match="cannot be moved by hand"):
            restage(store, version, stage, by="ada", at=9)
    with pytest.raises(StageError, match="does not wait for approval"):
        request_approval(store, version, by="ada", at=9)
    assert restage(store, version, "archived", by="ada", at=9).stage == "archived"
    assert verify(store).problems == ()


def test_a_request_is_told_and_marks_the_version_once(store: Store, packaged: Packaged) -> None:
    version = staged(store, packaged)
    request_approval(store, version, by="ada", at=9)
    found = request_approval(store, version, by="ada", at=10)
    assert (found.stage, found.marks) == ("staging", ("approval-requested",))
    assert [e.action for e in store.audit.entries()][-2:] == ["request-approval"] * 2
    assert verify(store).problems == ()


def test_nobody_acts_in_nobodys_name(store: Store) -> None:
    [a, *_] = three(store)
    for act in (
        lambda: restage(store, a, "production", by=" ", at=2),
        lambda: delete_versions(store, [a], by="", at=2, subject="m"),
        lambda: rename_model(store, "m", "n", by="", at=2),
        lambda: request_approval(store, a, by="", at=2),
    ):
        with pytest.raises(StageError, match="nobody"):
            act()


def test_a_taken_name_stays_where_it_is(store: Store) -> None:
    three(store)
    store.models.create_name("n", at=1)
    entries = len(store.audit.entries())
    with pytest.raises(ConflictError):
        rename_model(store, "m", "n", by="ada", at=2)
    assert len(store.audit.entries()) == entries
