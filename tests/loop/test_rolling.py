"""A version's way to users: what follows from evidence, from people, and from acts cut short."""

from __future__ import annotations

import pytest

from lapwise.core.deployment import BUCKETS
from lapwise.core.prediction import Fused
from lapwise.loop.acting import decide_version
from lapwise.registry import approve, archive, promote, refuse, verify
from lapwise.rollout import abort, pause
from lapwise.rollout import roll_back as rolled_back
from tests.loop.twice import DAY, HOUR, Driven

BROKEN = 40
"""Rows of which every second meets a canary that always fails: enough to be sure."""


def test_the_newest_version_in_staging_starts_in_the_shadow(driven: Driven) -> None:
    rollout = driven.tick()
    assert (rollout.phase, rollout.weight) == ("shadow", 0)
    assert (rollout.candidate, rollout.control) == (driven.version(3), driven.version(1))
    deployed = driven.deployed()
    assert (deployed.production, deployed.shadow) == (driven.version(1), driven.version(3))
    assert deployed.canary is None
    assert driven.rolling.revision == deployed.revision
    assert deployed.revision in driven.rolling.shadowed
    driven.tick()
    assert (driven.count(), driven.deployed().revision) == (1, deployed.revision)


def test_a_policy_leads_a_good_version_all_the_way(driven: Driven) -> None:
    driven.approver = "policy:replay"
    driven.begin()
    driven.tick()
    driven.pairs(150)
    rollout = driven.tick(13 * HOUR)
    assert rollout.phase == "waiting"
    rollout = driven.tick()
    assert (rollout.phase, rollout.weight) == ("canary", 50)
    assert driven.stages()[3] == "canary"
    deployed = driven.deployed()
    assert (deployed.canary, deployed.weight) == (driven.version(3), BUCKETS // 2)
    assert (deployed.shadow, deployed.salt) == (None, rollout.id)
    driven.canary(300)
    assert driven.tick(13 * HOUR).phase == "promoted"
    assert driven.stages() == {1: "archived", 2: "staging", 3: "production"}
    deployed = driven.deployed()
    assert (deployed.production, deployed.canary) == (driven.version(3), None)
    (decision,) = driven.workshop.store.models.approvals(driven.version(3))
    assert decision.by == "policy:replay"
    assert verify(driven.workshop.store).sound


def test_a_person_is_waited_for(driven: Driven) -> None:
    driven.to_waiting()
    rollout = driven.tick(20 * DAY)
    assert rollout.phase == "waiting"
    assert driven.stages()[3] == "staging"
    decide_version(driven.shop, approve, "returns@v3", by="grace", note="looked at it")
    rollout = driven.tick()
    assert rollout.phase == "canary"
    assert rollout.history[-1].by == "grace"


def test_an_approval_during_the_shadow_starts_the_canary(driven: Driven) -> None:
    driven.tick()
    driven.pairs(10)  # far from done
    decide_version(driven.shop, approve, "returns@v3", by="grace")
    rollout = driven.tick()
    assert (rollout.phase, rollout.weight) == ("canary", 50)
    compared = next(one for one in rollout.history if one.action == "compared")
    assert "grace" in compared.sentence
    assert compared.by == "grace"
    assert driven.deployed().canary == driven.version(3)


@pytest.mark.parametrize("fused", [True, False])
def test_a_broken_canary_is_taken_away_from_users(driven: Driven, fused: bool) -> None:
    driven.to_canary()
    if fused:  # a worker has seen it fail, and takes it out before any statistics would
        driven.canary(2)
        told = Fused(at=driven.now, version=driven.version(3), revision=1, reason="it crashes")
        driven.feed(told)
    else:
        driven.canary(BROKEN, failing=True)
    rollout = driven.tick()
    assert rollout.phase == "rolled_back"
    assert driven.stages()[3] == "staging"
    assert "rolled_back" in driven.workshop.store.models.get("returns@v3").marks
    deployed = driven.deployed()
    assert (deployed.production, deployed.canary) == (driven.version(1), None)


def test_a_broken_shadow_never_reaches_anybody(driven: Driven) -> None:
    driven.tick()
    driven.pairs(40, failing=True)
    rollout = driven.tick()
    assert rollout.phase == "rolled_back"
    assert driven.stages()[3] == "staging"
    assert driven.deployed().shadow is None
    driven.tick(DAY)
    assert driven.count() == 1


@pytest.mark.parametrize("restarted", [True, False], ids=["next watcher", "same watcher"])
def test_a_version_that_was_rolled_back_starts_again_only_when_approved_again(
    driven: Driven, restarted: bool
) -> None:
    driven.to_canary()
    driven.canary(BROKEN, failing=True)
    driven.tick()
    for _ in range(3):
        driven.tick(DAY)
    assert driven.count() == 1
    driven.begin()
    driven.tick(DAY)
    assert driven.count() == 1
    driven.approve(3)
    if restarted:
        driven.begin()
    driven.tick()
    rollout = driven.tick()
    assert driven.count() == 2
    assert (rollout.number, rollout.phase) == (2, "canary")
    assert driven.deployed().canary == driven.version(3)
    # The new rollout is judged by what came in its own time, not by the failures before.
    driven.canary(300)
    assert driven.tick(13 * HOUR).phase == "promoted", driven.why()


def test_an_older_version_that_a_person_approves_has_its_rollout(driven: Driven) -> None:
    driven.to_promoted()
    driven.approve(2)
    driven.tick()
    rollout = driven.tick()
    assert (rollout.candidate, rollout.phase) == (driven.version(2), "canary")


def test_an_older_version_that_nobody_approves_has_none(driven: Driven) -> None:
    driven.to_promoted()
    driven.tick(DAY)
    assert driven.count() == 1
    assert driven.deployed().shadow is None


@pytest.mark.parametrize("act", [refuse, archive])
def test_a_candidate_that_is_put_away_ends_its_rollout(driven: Driven, act: object) -> None:
    driven.tick()
    assert callable(act)
    act(
        driven.workshop.store, driven.workshop.store.models.get("returns@v3"), by="x", at=driven.now
    )
    driven.tick()
    assert driven.workshop.store.rollouts.get("1", "returns").phase == "aborted"
    assert driven.deployed().shadow != driven.version(3)
    assert driven.stages()[3] == "archived"


def test_another_version_in_production_ends_the_rollout(driven: Driven) -> None:
    driven.tick()
    store = driven.workshop.store
    approve(store, store.models.get("returns@v2"), by="grace", at=driven.now)
    promote(store, store.models.get("returns@v2"), by="grace", at=driven.now)
    rollout = driven.tick()
    assert rollout.phase == "aborted"
    assert "production is another version" in rollout.history[-1].sentence
    deployed = driven.deployed()
    assert (deployed.production, deployed.shadow) == (driven.version(2), None)


def test_a_policy_gives_up_what_cannot_be_told(driven: Driven) -> None:
    driven.approver = "policy:replay"
    driven.begin()
    driven.tick()
    driven.pairs(5)
    assert driven.tick(13 * DAY).phase == "shadow"
    rollout = driven.tick(2 * DAY)
    assert (rollout.phase, rollout.history[-1].by) == ("aborted", "policy:replay")
    assert "Cannot tell" in rollout.history[-1].sentence
    assert driven.stages()[3] == "staging"


def test_without_a_policy_silence_neither_promotes_nor_rolls_back(driven: Driven) -> None:
    driven.to_canary()
    driven.canary(4)
    rollout = driven.tick(60 * DAY)
    assert (rollout.phase, rollout.weight) == ("canary", 50)
    assert driven.stages()[3] == "canary"


def test_a_paused_rollout_stays_and_harm_still_ends_it(driven: Driven) -> None:
    driven.to_canary()
    store = driven.workshop.store
    seen = driven.newest()
    store.rollouts.update(pause(seen, at=driven.now, by="ada"), seen=seen)
    driven.canary(300)
    rollout = driven.tick(DAY)
    assert (rollout.phase, rollout.paused) == ("canary", True)
    driven.canary(BROKEN, failing=True)
    assert driven.tick().phase == "rolled_back"
    assert driven.stages()[3] == "staging"


@pytest.mark.parametrize("restarted", [True, False], ids=["next watcher", "same watcher"])
@pytest.mark.parametrize("end", ["promoted", "rolled_back", "aborted"])
def test_an_act_that_was_cut_short_is_finished(driven: Driven, end: str, restarted: bool) -> None:
    """Whoever acted was killed after the record and before registry and deployment."""
    seen = driven.to_canary()
    after = {
        "promoted": driven.promoted_record(),
        "rolled_back": rolled_back(seen, "Complaints.", at=driven.now, by="grace"),
        "aborted": abort(seen, at=driven.now, by="grace"),
    }[end]
    driven.workshop.store.rollouts.update(after, seen=seen)
    assert driven.stages()[3] == "canary"
    if restarted:
        driven.begin()
    driven.tick()
    driven.tick()
    assert driven.count() == 1, "what a person ended begins again"
    production = 3 if end == "promoted" else 1
    assert driven.stages()[3] == ("production" if end == "promoted" else "staging")
    deployed = driven.deployed()
    assert (deployed.production, deployed.canary) == (driven.version(production), None)
    assert verify(driven.workshop.store).sound


def test_a_start_that_was_cut_short_is_finished(driven: Driven) -> None:
    """The record of the shadow is there, its deployment is not."""
    driven.tick()
    revision = driven.deployed().revision
    live = driven.workshop.project.live / "returns" / "deployment.json"
    live.unlink()
    driven.begin()
    driven.tick()
    assert driven.deployed().revision == revision
    assert driven.count() == 1


def test_the_next_watcher_concludes_the_same(driven: Driven) -> None:
    """Evidence is a fold over the log: killed at any moment, it is counted again."""
    driven.to_canary()
    for _ in range(6):
        driven.canary(50)
        driven.begin()
        driven.tick()
    rollout = driven.tick(13 * HOUR)
    assert rollout.phase == "promoted", driven.why()
    (failures,) = [one for one in rollout.guards if one.name == "failures"]
    assert (failures.candidate, failures.control) == (150, 150)


def test_nothing_is_kept_of_what_no_rollout_needs(driven: Driven) -> None:
    driven.to_promoted()
    for _ in range(3):
        driven.pairs(50)
        driven.tick()
    assert driven.rolling._entries == []
