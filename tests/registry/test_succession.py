"""One version takes the place of another, and gives it back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lapwise.core.errors import StageError
from lapwise.core.model import ModelVersion
from lapwise.registry import (
    Packaged,
    approve,
    archive,
    load,
    promote,
    refuse,
    roll_back,
    to_staging,
    verify,
)
from lapwise.store.model import Store
from tests.registry.examples import PASSED, in_canary, registered, small_rows, staged
from tests.registry.racing import decide_alone, race


@pytest.fixture
def pair(store: Store, packaged: Packaged) -> tuple[ModelVersion, ModelVersion]:
    """A version in production and one in canary."""
    first = approve(store, staged(store, packaged), by="ada", at=3)
    return first, in_canary(store, packaged, "run-2")


def standing(store: Store) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Return stage and marks of each version by number."""
    return {one.number: (one.stage, one.marks) for one in store.models.list()}


def snapshot(store: Store) -> Any:
    """Return all that a refused act must leave as it was."""
    return store.models.list(), store.audit.entries(), store.blobs.anchors()


def told(store: Store) -> dict[str, Any]:
    """Return the details of the last entry."""
    return {one.name: one.value for one in store.audit.entries(limit=1000)[-1].details}


def test_promoted_it_takes_the_place_of_production(
    pair: tuple[ModelVersion, ModelVersion], store: Store
) -> None:
    """Both moves in one entry that tells of both, its hash anchored; the log explains the stages."""
    first, second = pair
    before = len(store.audit.entries())
    moved = promote(store, second, by="rollout 1", at=5, note="harmless")
    assert moved == store.models.production("demo")
    assert standing(store) == {1: ("archived", ("bootstrap", "replaced")), 2: ("production", ())}
    assert len(store.audit.entries()) == before + 1
    head = store.audit.head()
    assert head is not None
    assert (head.actor, head.at, head.subject) == ("rollout 1", 5, "demo@v2")
    assert told(store) == {
        "version": second.id, "from": "canary", "to": "production", "note": "harmless",
        "former": first.id, "former_from": "production", "former_to": "archived",
        "former_mark": "replaced",
    }  # fmt: skip
    assert head.hash.encode() in store.blobs.anchors().values()
    assert verify(store).sound
    assert load(moved, store.blobs).predict(small_rows()).shape == (300,)


def test_rolled_back_from_canary_it_returns_to_staging(
    pair: tuple[ModelVersion, ModelVersion], store: Store
) -> None:
    """Marked; production is not touched; the canary is free for another."""
    _, second = pair
    moved = roll_back(store, second, by="rollout 1", at=5, note="errors")
    assert (moved.stage, moved.marks) == ("staging", ("rolled_back",))
    assert standing(store)[1] == ("production", ("bootstrap",))
    assert "former" not in told(store)
    head = store.audit.head()
    assert head is not None
    assert head.hash.encode() in store.blobs.anchors().values()
    assert verify(store).sound


def test_what_was_rolled_back_a_person_may_approve_again(
    pair: tuple[ModelVersion, ModelVersion], store: Store
) -> None:
    """Or refuse; the mark stays for all to see."""
    _, second = pair
    roll_back(store, second, by="rollout 1", at=5)
    again = approve(store, second, by="ada", at=6, note="the fault was in the network")
    assert (again.stage, again.marks) == ("canary", ("rolled_back",))
    roll_back(store, second, by="rollout 2", at=7)
    assert refuse(store, second, by="ada", at=8).marks == ("rolled_back", "refused")
    assert verify(store).sound


def test_rolled_back_from_production_the_former_comes_back(
    pair: tuple[ModelVersion, ModelVersion], store: Store
) -> None:
    """In one transaction and one entry; it answers at once."""
    first, second = pair
    promote(store, second, by="rollout 1", at=5)
    before = len(store.audit.entries())
    moved = roll_back(store, second, by="ada", at=6, note="complaints")
    assert (moved.stage, moved.marks) == ("staging", ("rolled_back",))
    assert standing(store)[1] == ("production", ("bootstrap", "replaced", "restored"))
    assert len(store.audit.entries()) == before + 1
    assert told(store) == {
        "version": second.id, "from": "production", "to": "staging", "mark": "rolled_back",
        "note": "complaints", "former": first.id, "former_from": "archived",
        "former_to": "production", "former_mark": "restored",
    }  # fmt: skip
    assert verify(store).sound


def test_one_may_go_back_as_far_as_the_first(store: Store, packaged: Packaged) -> None:
    """Each gives its place back to the one that it replaced; the first replaced none."""
    first = approve(store, staged(store, packaged), by="ada", at=3)
    later = []
    for run in ("run-2", "run-3"):
        later.append(in_canary(store, packaged, run))
        promote(store, later[-1], by="rollout", at=5)
    for one in reversed(later):
        roll_back(store, one, by="ada", at=6)
        assert verify(store).sound
    assert store.models.production("demo") == store.models.get(first.id)
    before = snapshot(store)
    with pytest.raises(StageError, match="replaced no other version") as caught:
        roll_back(store, first, by="ada", at=7)
    assert "approve another version of demo" in caught.value.fix
    assert snapshot(store) == before


def test_the_version_that_it_replaced_last_comes_back(store: Store, packaged: Packaged) -> None:
    """Of two times in production the later counts: v2 replaced v1 first, and then v3."""
    approve(store, staged(store, packaged), by="ada", at=3)
    second = in_canary(store, packaged, "run-2")
    promote(store, second, by="rollout 1", at=5)
    roll_back(store, second, by="ada", at=6)
    third = in_canary(store, packaged, "run-3")
    promote(store, third, by="rollout 2", at=7)
    approve(store, second, by="ada", at=8)
    promote(store, second, by="rollout 3", at=9)
    roll_back(store, second, by="ada", at=10)
    assert store.models.production("demo") == store.models.get(third.id)
    assert standing(store)[1][0] == "archived"
    assert verify(store).sound


def test_a_rollback_needs_no_answer_of_the_former(
    pair: tuple[ModelVersion, ModelVersion], store: Store
) -> None:
    """It must work when nothing else does, and while another version is in canary."""
    first, second = pair
    promote(store, second, by="rollout 1", at=5)
    for part in first.artifacts:
        store.blobs.path(part.digest).chmod(0o644)
        store.blobs.path(part.digest).write_bytes(b"damaged")
    assert roll_back(store, second, by="ada", at=7).stage == "staging"
    assert standing(store)[1][0] == "production"


@pytest.mark.parametrize("stage", ["none", "staging", "production", "archived"])
def test_only_what_is_in_canary_is_promoted(stage: str, store: Store, packaged: Packaged) -> None:
    """From elsewhere it is told where it stands and how it goes on; nothing moves."""
    version = registered(store, packaged)
    if stage != "none":
        version = to_staging(store, version, actor="lap 1", at=2, verdicts=PASSED)
    if stage == "production":
        version = approve(store, version, by="ada", at=3)
    if stage == "archived":
        version = archive(store, version, by="ada", at=3)
    before = snapshot(store)
    with pytest.raises(StageError, match="cannot be promoted") as caught:
        promote(store, version, by="ada", at=4)
    assert (caught.value.expected, str(caught.value.value).partition(";")[0]) == ("canary", stage)
    if stage != "production":
        with pytest.raises(StageError, match="cannot be rolled back"):
            roll_back(store, version, by="ada", at=4)
    assert snapshot(store) == before


def test_somebody_must_do_it(pair: tuple[ModelVersion, ModelVersion], store: Store) -> None:
    """An empty name is refused."""
    before = snapshot(store)
    deeds: list[Callable[..., ModelVersion]] = [promote, roll_back]
    for deed in deeds:
        with pytest.raises(StageError, match="nobody"):
            deed(store, pair[1], by=" ", at=5)
    assert snapshot(store) == before


@pytest.mark.parametrize(
    ("verbs", "outcomes"),
    [
        (["promote"] * 4, ["StageError"] * 3 + ["production"]),
        (["roll_back"] * 4, ["StageError"] * 3 + ["staging"]),
    ],
)
def test_of_many_that_do_the_same_one_does_it(
    pair: tuple[ModelVersion, ModelVersion],
    store: Store,
    tmp_path: Path,
    verbs: list[str],
    outcomes: list[str],
) -> None:
    """Processes of their own, let go at one moment."""
    blobs = str(tmp_path / "blobs")
    assert (
        sorted(race(decide_alone, [(store.url, blobs, pair[1].id, v) for v in verbs])) == outcomes
    )
    assert verify(store).sound


def test_promoting_and_rolling_back_at_once_end_in_one_of_the_two(
    pair: tuple[ModelVersion, ModelVersion], store: Store, tmp_path: Path
) -> None:
    """Or in the one after the other; there is one version in production at the end."""
    blobs = str(tmp_path / "blobs")
    arguments = [(store.url, blobs, pair[1].id, verb) for verb in ("promote", "roll_back") * 2]
    outcomes = race(decide_alone, arguments)
    assert set(outcomes) <= {"production", "staging", "StageError"}
    stages = sorted(stage for stage, _ in standing(store).values())
    assert stages in (["archived", "production"], ["production", "staging"])
    assert verify(store).sound
