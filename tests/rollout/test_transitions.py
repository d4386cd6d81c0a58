"""The acts of a rollout, and what answers after each."""

from collections.abc import Callable

import pytest

from lapwise.core.deployment import Deployment
from lapwise.core.errors import RolloutError
from lapwise.core.rollout import RolloutPolicy
from lapwise.rollout import (
    Decision,
    abort,
    advance,
    approve,
    deployment_for,
    pause,
    resume,
    roll_back,
    start,
)
from tests.rollout.acts import ADVANCE, DAY, POLICY, canary, started, waiting


def test_a_rollout_goes_from_shadow_to_production_and_keeps_its_history() -> None:
    rollout = canary()
    rollout = advance(rollout, ADVANCE, at=3 * DAY)
    assert (rollout.phase, rollout.step, rollout.weight) == ("canary", 1, 50)
    rollout = advance(rollout, ADVANCE, at=4 * DAY)
    assert (rollout.phase, rollout.weight, rollout.open) == ("promoted", 100, False)
    acts = [(event.action, event.phase, event.weight) for event in rollout.history]
    assert acts == [
        ("started", "shadow", 0),
        ("compared", "waiting", 0),
        ("raised", "canary", 10),
        ("raised", "canary", 50),
        ("promoted", "promoted", 100),
    ]
    assert [event.at for event in rollout.history] == [0, DAY, 2 * DAY, 3 * DAY, 4 * DAY]
    assert rollout.history[2].by == "ada"


def test_what_answers_at_each_stage() -> None:
    def of(**fields: object) -> Deployment:
        return Deployment(model="m", **fields)  # type: ignore[arg-type]

    shown = [
        deployment_for(one, "old", at=7, reason="-")
        for one in (started(), waiting(), canary(), advance(canary(), ADVANCE, at=3 * DAY))
    ]
    assert shown == [
        of(production="old", shadow="new", salt="r1", at=7, reason="-"),
        of(production="old", shadow="new", salt="r1", at=7, reason="-"),
        of(production="old", canary="new", weight=1000, salt="r1", at=7, reason="-"),
        of(production="old", canary="new", weight=5000, salt="r1", at=7, reason="-"),
    ]
    back = roll_back(canary(), "it burns", at=3 * DAY)
    assert deployment_for(back, "old", at=8) == of(production="old", at=8, reason="it burns")
    done = advance(advance(canary(), ADVANCE, at=3 * DAY), ADVANCE, at=4 * DAY)
    assert deployment_for(done, "old", at=9, reason="-") == of(production="new", at=9, reason="-")


def test_production_may_not_change_under_a_rollout() -> None:
    with pytest.raises(RolloutError, match="production changed"):
        deployment_for(canary(), "older", at=0)


def test_without_pairs_a_person_is_asked_at_once() -> None:
    policy = RolloutPolicy(pairs=0, steps=(100,), hold=0, min_units=1, margin=0.05)
    rollout = started(policy)
    assert rollout.phase == "waiting"
    assert deployment_for(rollout, "old", at=0).shadow is None
    assert approve(rollout, at=1, by="ada").phase == "promoted"


def test_a_pause_keeps_the_weight_and_a_resumption_holds_anew() -> None:
    paused = pause(canary(), at=3 * DAY, by="ada", reason="Lunch.")
    assert (paused.paused, paused.weight, paused.since) == (True, 10, 2 * DAY)
    with pytest.raises(RolloutError, match="is paused") as refused:
        advance(paused, ADVANCE, at=4 * DAY)
    assert "resume" in refused.value.fix
    going = resume(paused, at=5 * DAY, by="ada")
    assert (going.paused, going.since) == (False, 5 * DAY)
    assert roll_back(paused, "it burns", at=4 * DAY).phase == "rolled_back"
    with pytest.raises(RolloutError, match="paused already"):
        pause(paused, at=4 * DAY, by="ada")
    with pytest.raises(RolloutError, match="going on already"):
        resume(going, at=6 * DAY, by="ada")


def test_evidence_that_holds_is_overruled_by_a_named_person_only() -> None:
    hold = Decision(action="hold", sentence="Cannot tell.")
    with pytest.raises(RolloutError, match="does not let"):
        advance(started(), hold, at=DAY)
    with pytest.raises(RolloutError, match="does not let"):
        advance(started(), hold, at=DAY, force=True)
    forced = advance(started(), hold, at=DAY, by="ada", force=True)
    assert forced.phase == "waiting"
    assert "by the will of ada" in forced.history[-1].sentence
    burning = Decision(action="roll_back", sentence="It burns.")
    with pytest.raises(RolloutError, match="does not let"):
        advance(started(), burning, at=DAY, by="ada", force=True)


def test_what_is_over_is_over() -> None:
    over = abort(canary(), at=3 * DAY, by="ada")
    assert over.phase == "aborted"
    acts: tuple[Callable[[], object], ...] = (
        lambda: advance(over, ADVANCE, at=4 * DAY),
        lambda: approve(over, at=4 * DAY, by="ada"),
        lambda: roll_back(over, "late", at=4 * DAY),
        lambda: pause(over, at=4 * DAY, by="ada"),
        lambda: resume(over, at=4 * DAY, by="ada"),
        lambda: abort(over, at=4 * DAY, by="ada"),
    )
    for act in acts:
        with pytest.raises(RolloutError, match="that is over"):
            act()


def test_an_approval_needs_a_name_and_a_shadow_that_is_done() -> None:
    with pytest.raises(RolloutError, match="has a name"):
        approve(waiting(), at=2 * DAY, by="")
    with pytest.raises(RolloutError, match="does not wait"):
        approve(started(), at=2 * DAY, by="ada")
    with pytest.raises(RolloutError, match="waits for a person"):
        advance(waiting(), ADVANCE, at=2 * DAY)


def test_only_a_decision_that_rolls_back_rolls_back() -> None:
    with pytest.raises(RolloutError, match="does not roll back"):
        roll_back(canary(), ADVANCE, at=3 * DAY)


def test_history_does_not_run_backwards() -> None:
    with pytest.raises(RolloutError, match="backwards"):
        abort(canary(), at=DAY, by="ada")


@pytest.mark.parametrize(("control", "reason"), [("", "no production"), ("new", "already")])
def test_a_rollout_needs_two_versions(control: str, reason: str) -> None:
    with pytest.raises(RolloutError, match=reason):
        start(id="r", model="m", candidate="new", control=control, policy=POLICY, at=0)
