"""What people do with rollouts and versions: stage and deployment follow, and errors say what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from lapwise.core.errors import LapwiseError, NotFoundError, RolloutError, StageError
from lapwise.loop.acting import act, decide_version, find_rollout, roll_back_now
from lapwise.loop.bootstrap import Workshop, open_workshop
from lapwise.loop.rolling import settle_stage
from lapwise.registry import approve, archive, refuse, verify
from lapwise.rollout import abort
from tests.loop.twice import DAY, HOUR, Driven
from tests.loop.worlds import World


def do(driven: Driven, action: str, note: str = "") -> Any:
    return act(driven.shop, action, "returns", by="grace", note=note)


def test_a_paused_canary_keeps_its_units_and_goes_on_when_resumed(driven: Driven) -> None:
    driven.to_canary()
    before = driven.deployed()
    paused = do(driven, "pause", "holiday traffic")
    assert (paused.paused, paused.weight) == (True, 50)
    assert paused.history[-1].by == "grace"
    assert paused.history[-1].sentence == "holiday traffic"
    assert driven.deployed().revision == before.revision
    driven.canary(300)
    assert driven.tick(DAY).phase == "canary"
    assert not do(driven, "resume").paused
    assert driven.tick(HOUR).phase == "canary"  # the step holds anew
    assert driven.tick(13 * HOUR).phase == "promoted", driven.why()


def test_pausing_a_shadow_leaves_it_answering(driven: Driven) -> None:
    driven.tick()
    do(driven, "pause")
    driven.pairs(150)
    assert driven.tick(DAY).phase == "shadow"
    assert driven.deployed().shadow == driven.version(3)
    do(driven, "resume")
    assert driven.tick(13 * HOUR).phase == "waiting", driven.why()


def test_an_approval_of_a_paused_rollout_waits_until_it_goes_on(driven: Driven) -> None:
    driven.to_waiting()
    do(driven, "pause")
    driven.approve(3)
    assert driven.tick().phase == "waiting"
    do(driven, "resume")
    assert driven.tick().phase == "canary"


@pytest.mark.parametrize("phase", ["shadow", "waiting", "canary"])
def test_an_aborted_rollout_leaves_production_alone(driven: Driven, phase: str) -> None:
    {"shadow": driven.tick, "waiting": driven.to_waiting, "canary": driven.to_canary}[phase]()
    ended = do(driven, "abort", "wrong data")
    assert (ended.phase, ended.open) == ("aborted", False)
    deployed = driven.deployed()
    assert (deployed.production, deployed.canary, deployed.shadow, deployed.weight) == (
        driven.version(1),
        None,
        None,
        0,
    )
    assert driven.stages() == {1: "production", 2: "staging", 3: "staging"}
    for _ in range(3):
        driven.tick(DAY)
    assert driven.count() == 1
    assert verify(driven.workshop.store).sound


def test_a_canary_is_rolled_back_at_once(driven: Driven) -> None:
    driven.to_canary()
    version, deployed = roll_back_now(driven.shop, None, by="grace", note="complaints")
    assert (version.number, version.stage) == (3, "staging")
    assert "rolled_back" in version.marks
    assert deployed == driven.deployed()
    assert (deployed.production, deployed.canary) == (driven.version(1), None)
    rollout = driven.tick(DAY)
    assert (rollout.phase, rollout.history[-1].by) == ("rolled_back", "grace")
    assert driven.count() == 1
    assert verify(driven.workshop.store).sound


def test_after_a_promotion_the_former_version_comes_back(driven: Driven) -> None:
    driven.to_promoted()
    assert driven.deployed().production == driven.version(3)
    version, deployed = roll_back_now(driven.shop, "returns", by="grace", note="complaints")
    assert (version.number, version.stage) == (3, "staging")
    assert deployed == driven.deployed()
    assert deployed.production == driven.version(1)
    assert driven.stages() == {1: "production", 2: "staging", 3: "staging"}
    for _ in range(3):  # the watcher does not bring back what a person took away
        driven.tick(DAY)
    assert driven.stages()[1] == "production"
    assert all(one.candidate != driven.version(3) for one in find_all(driven)[:-1])
    assert verify(driven.workshop.store).sound


def test_a_version_that_is_named_is_the_only_one_that_is_taken_away(driven: Driven) -> None:
    """Two people see the same canary fail: the second does not take production away as well."""
    driven.to_canary()
    roll_back_now(driven.shop, "returns@v3", by="grace", note="complaints")
    with pytest.raises(RolloutError, match="v3 is not what would be taken away") as caught:
        roll_back_now(driven.shop, "returns@v3", by="ada", note="complaints")
    assert caught.value.expected == "v1"
    assert driven.stages()[1] == "production"


def find_all(driven: Driven) -> list[Any]:
    return list(driven.workshop.store.rollouts.list("returns"))


def test_what_replaced_nothing_cannot_be_rolled_back(driven: Driven) -> None:
    with pytest.raises(StageError, match="replaced no other version") as caught:
        roll_back_now(driven.shop, None, by="grace", note="")
    assert "approve another version" in caught.value.fix
    assert driven.stages()[1] == "production"


@pytest.mark.parametrize("put_away", [refuse, archive])
@pytest.mark.parametrize("phase", ["shadow", "canary"])
def test_a_candidate_that_is_put_away_answers_nobody_from_then_on(
    driven: Driven, put_away: Callable[..., Any], phase: str
) -> None:
    """Without waiting for a watcher, which may not run."""
    {"shadow": driven.tick, "canary": driven.to_canary}[phase]()
    if put_away is refuse and phase == "canary":
        with pytest.raises(StageError, match="canary"):
            decide_version(driven.shop, put_away, "returns@v3", by="grace")
        assert driven.deployed().canary == driven.version(3)
        return
    moved = decide_version(driven.shop, put_away, "returns@v3", by="grace")
    assert moved.stage == "archived"
    deployed = driven.deployed()
    assert (deployed.canary, deployed.shadow) == (None, None)
    driven.tick()
    first = find_rollout(driven.workshop.store, "returns", 1)
    assert (first.phase, first.history[-1].by) == ("aborted", "grace")
    assert driven.stages()[3] == "archived"
    assert verify(driven.workshop.store).sound


def test_another_version_than_the_candidate_may_be_put_away(driven: Driven) -> None:
    driven.to_canary()
    decide_version(driven.shop, refuse, "returns@v2", by="grace")
    assert driven.tick().phase == "canary"
    assert driven.deployed().canary == driven.version(3)


def test_a_second_version_is_not_approved_beside_a_canary(driven: Driven) -> None:
    driven.to_canary()
    with pytest.raises(StageError, match="another version is in canary"):
        decide_version(driven.shop, approve, "returns@v2", by="grace")
    assert driven.stages()[2] == "staging"


@pytest.mark.parametrize("action", ["pause", "resume", "abort"])
def test_without_an_open_rollout_there_is_nothing_to_do(driven: Driven, action: str) -> None:
    with pytest.raises(RolloutError, match="no rollout of returns is open") as caught:
        do(driven, action)
    assert caught.value.fix == "lapwise rollout status"
    driven.to_canary()
    do(driven, "abort")
    with pytest.raises(RolloutError, match="no rollout of returns is open"):
        do(driven, action)


def test_pausing_and_resuming_twice_is_told(driven: Driven) -> None:
    driven.tick()
    with pytest.raises(RolloutError, match="going on already"):
        do(driven, "resume")
    do(driven, "pause")
    with pytest.raises(RolloutError, match="paused already") as caught:
        do(driven, "pause")
    assert caught.value.fix == "lapwise rollout resume"


def test_a_rollout_is_found_by_its_number(driven: Driven) -> None:
    store = driven.workshop.store
    with pytest.raises(NotFoundError, match="never rolled out") as caught:
        find_rollout(store, None, None)
    assert "lapwise watch" in caught.value.fix
    driven.tick()
    assert find_rollout(store, None, None) == find_rollout(store, "returns", 1)
    with pytest.raises(NotFoundError, match="no rollout"):
        find_rollout(store, None, 7)
    with pytest.raises(NotFoundError, match="no such model"):
        find_rollout(store, "nothing", None)


@pytest.mark.parametrize("other", ["abort", "rollback", "watcher"])
def test_two_who_act_at_once_have_one_outcome(driven: Driven, other: str) -> None:
    """Two people, or a person and the watcher, in workshops of their own."""
    driven.to_canary()
    ways: dict[str, Callable[[Workshop], object]] = {
        "abort": lambda shop: act(shop, "abort", None, by="ada", note="ada's"),
        "rollback": lambda shop: roll_back_now(shop, None, by="bob", note="bob's"),
    }
    if other == "watcher":
        driven.canary(40, failing=True)
    failed = at_once(
        driven.world,
        ways["rollback" if other == "watcher" else "abort"],
        (lambda _shop: driven.tick()) if other == "watcher" else ways[other],
    )
    assert all(isinstance(one, LapwiseError) for one in failed), failed
    assert len(failed) <= 1
    driven.begin()
    rollout = driven.tick()
    endings = [one for one in rollout.history if one.action in ("aborted", "rolled_back")]
    assert len(endings) == 1
    assert rollout.phase == endings[0].action
    assert driven.count() == 1
    assert driven.stages() == {1: "production", 2: "staging", 3: "staging"}
    assert driven.deployed().canary is None
    assert verify(driven.workshop.store).sound


def test_two_who_settle_at_once_do_not_trip_over_each_other(driven: Driven) -> None:
    """The one who acted and a watcher both let the registry follow the same record."""
    seen = driven.to_canary()
    kept = driven.workshop.store.rollouts.update(abort(seen, at=driven.now, by="grace"), seen=seen)

    def settle(shop: Workshop) -> None:
        settle_stage(shop, kept, at=driven.now)

    assert at_once(driven.world, settle, settle, settle) == []
    assert driven.stages()[3] == "staging"
    assert verify(driven.workshop.store).sound


def at_once(world: World, *ways: Callable[[Workshop], object]) -> list[BaseException]:
    """Do several things at the same moment; return what they raised."""
    ready, failed = threading.Barrier(len(ways)), []

    def run(way: Callable[[Workshop], object]) -> None:
        with open_workshop(world.root) as shop:
            ready.wait()
            try:
                way(shop)
            except BaseException as error:  # noqa: BLE001 - the test looks at each
                failed.append(error)

    threads = [threading.Thread(target=run, args=(way,)) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return failed
