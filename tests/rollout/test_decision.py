"""What follows from the evidence, at each stage."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from lapwise.core.prediction import Fused
from lapwise.rollout import Decision, Evidence, Summary, abort, advance, decide, judge, pause
from lapwise.rollout.confidence import Moments
from lapwise.rollout.decision import units_needed
from lapwise.rollout.guards import evidence_needed
from lapwise.rollout.summary import CanaryCounts, ShadowCounts, Sides
from tests.rollout.acts import ADVANCE, DAY, POLICY, canary, started, waiting

CALM = ShadowCounts(
    pairs=1500,
    units=1200,
    labelled=1400,
    harm=Moments(count=1100, mean=0.001, variance=0.08),
    loss=0.2,
    changed=Moments(count=1200, mean=0.08, variance=0.07),
)
STEP = CanaryCounts(
    weight=10,
    units=Sides(candidate=130, control=1170),
    assigned=Sides(candidate=130, control=1170),
)


def shadowed(now: int = DAY, **changes: object) -> Decision:
    counts = msgspec.structs.replace(CALM, **changes)
    return judge(started(), Summary(shadow=counts), now)


def stepped(now: int = 4 * DAY, **changes: object) -> Decision:
    return judge(canary(), Summary(canary=(msgspec.structs.replace(STEP, **changes),)), now)


def status(decision: Decision) -> dict[str, str]:
    return {guard.name: guard.status for guard in decision.guards}


def test_a_shadow_without_harm_goes_on_to_a_person() -> None:
    found = shadowed()
    assert found.action == "advance"
    assert status(found) == {
        "failures": "harmless",
        "mistakes": "harmless",
        "disagreement": "cannot_tell",
    }
    assert "1,500 pairs compared" in found.sentence


def test_a_shadow_waits_for_its_pairs_and_says_how_long() -> None:
    found = shadowed(now=DAY // 2, pairs=500)
    assert found.action == "wait"
    assert found.sentence == "1,000 more pairs of 1,500 to come, about 1d at the present rate."


def test_a_shadow_that_fails_is_rolled_back_before_its_pairs_are_in() -> None:
    found = shadowed(pairs=200, failed=Sides(candidate=20), first_failures=Sides(candidate=20))
    assert found.action == "roll_back"
    assert "20 of 1,200 units met a failure of the candidate" in found.sentence


def test_a_shadow_s_mistakes_are_judged_once_all_pairs_are_in() -> None:
    wrong: dict[str, Any] = {
        "first_mistakes": Sides(candidate=120, control=40),
        "harm": Moments(count=1100, mean=0.08, variance=0.15),
    }
    assert shadowed(pairs=900, **wrong).action == "wait"
    found = shadowed(**wrong)
    assert found.action == "roll_back"
    assert "8.0 points more mistakes" in found.sentence


def test_mistakes_within_the_margin_are_accepted_even_if_shown() -> None:
    found = shadowed(
        first_mistakes=Sides(candidate=120, control=40),
        harm=Moments(count=9000, mean=0.01, variance=0.02),
    )
    assert found.action == "advance"
    assert found.guards[1].evidence > found.guards[1].needed


def test_labels_that_do_not_come_are_waited_for_and_then_said() -> None:
    none: dict[str, Any] = {"labelled": 0, "harm": Moments(), "loss": 0.0}
    assert "Waits for labels" in shadowed(now=DAY // 2, **none).sentence
    found = shadowed(now=DAY, **none)
    assert found.action == "advance"
    assert "no label came within 1d: mistakes are not judged" in found.sentence
    assert "8 % of decisions differ" in found.sentence


def test_decisions_that_hardly_differ_need_no_label() -> None:
    found = shadowed(
        now=DAY // 8,
        labelled=0,
        harm=Moments(),
        changed=Moments(count=1200, mean=0.002, variance=0.002),
    )
    assert found.action == "advance"
    assert "mistakes cannot grow by more" in found.sentence


def test_silence_holds_and_never_promotes_or_rolls_back() -> None:
    few: dict[str, Any] = {"harm": Moments(count=60, mean=0.01, variance=0.1), "labelled": 70}
    assert shadowed(now=13 * DAY, **few).action == "wait"
    found = shadowed(now=14 * DAY, **few)
    assert found.action == "hold"
    assert found.sentence.startswith("Cannot tell after 2w.")
    assert stepped(now=30 * DAY, units=Sides(candidate=40, control=360)).action == "hold"


def test_who_waits_for_a_person_holds_and_is_still_watched() -> None:
    assert judge(waiting(), Summary(shadow=CALM), 2 * DAY).action == "hold"
    bad = msgspec.structs.replace(CALM, first_failures=Sides(candidate=20))
    assert judge(waiting(), Summary(shadow=bad), 2 * DAY).action == "roll_back"


def test_a_calm_step_goes_on_after_its_hold() -> None:
    assert "Holds 10 % for 12h more" in stepped(now=2 * DAY + DAY // 2).sentence
    assert stepped(now=3 * DAY).action == "advance"


def test_a_step_needs_its_units() -> None:
    found = stepped(now=3 * DAY, units=Sides(candidate=50, control=450))
    assert found.sentence == "50 more units of 100 to come at 10 %, about 1d at the present rate."


def test_a_step_that_cannot_exclude_the_margin_says_how_many_more_would() -> None:
    found = stepped(failing=(2.0, 18.0), failed=Sides(candidate=3, control=30))
    assert found.action == "wait"
    assert "more units would do" in found.sentence


def test_failures_of_the_canary_roll_back_however_few_its_units() -> None:
    found = stepped(
        now=2 * DAY + 1,
        units=Sides(candidate=6, control=60),
        failed=Sides(candidate=6),
        failing=(6.0, 0.0),
        first_failures=Sides(candidate=6),
    )
    assert found.action == "roll_back"


def test_steps_add_up_their_failures() -> None:
    first = msgspec.structs.replace(STEP, first_failures=Sides(candidate=4))
    second = msgspec.structs.replace(STEP, weight=50, first_failures=Sides(candidate=4))
    rollout = advance(canary(), ADVANCE, at=3 * DAY)
    parts = [
        judge(rollout, Summary(canary=steps), 3 * DAY).guards[0].evidence
        for steps in ((first, msgspec.structs.replace(second, first_failures=Sides())), (second,))
    ]
    both = judge(rollout, Summary(canary=(first, second)), 3 * DAY).guards[0].evidence
    assert both == pytest.approx(parts[0] * parts[1])


def test_mistakes_of_a_canary_roll_back_between_units_and_never_block() -> None:
    sides = Sides(candidate=900, control=8000)
    worse = Moments(count=900, mean=0.32, variance=0.1)
    other = Moments(count=8000, mean=0.2, variance=0.1)
    found = stepped(units=sides, candidate_loss=worse, control_loss=other)
    assert found.action == "roll_back"
    assert "Mistakes: Over 900 and 8,000 labelled units" in found.sentence
    vague = Moments(count=60, mean=0.22, variance=0.1)
    found = stepped(candidate_loss=vague, control_loss=other)
    assert (found.action, status(found)["mistakes"]) == ("advance", "cannot_tell")


def test_a_regression_s_harm_is_a_share_of_production_s_error() -> None:
    worse = Moments(count=900, mean=13.0, variance=30.0)
    other = Moments(count=8000, mean=10.0, variance=30.0)
    step = msgspec.structs.replace(STEP, candidate_loss=worse, control_loss=other)
    found = judge(canary(), Summary(canary=(step,), decided=False, relative=True), 4 * DAY)
    mistakes = found.guards[1]
    assert found.action == "roll_back"
    assert mistakes.measured == pytest.approx(0.3)
    assert "errs by 30.0 % more" in mistakes.sentence


def test_wrong_routing_holds_and_is_called_so() -> None:
    found = stepped(assigned=Sides(candidate=400, control=900))
    assert found.action == "hold"
    assert "units are routed wrongly" in found.sentence
    assert "harmful" not in status(found).values()


def test_a_fuse_rolls_back_at_once() -> None:
    evidence = Evidence(canary(), task="regression")
    evidence.add(Fused(at=2 * DAY + 9, version="new", revision=3, reason="5 rows in a row failed"))
    found = decide(canary(), evidence, 2 * DAY + 9)
    assert found.action == "roll_back"
    assert "5 rows in a row failed" in found.sentence


def test_a_decision_follows_the_rollout_s_history() -> None:
    evidence = Evidence(started(), task="regression")
    assert decide(canary(), evidence, 2 * DAY).action == "wait"
    assert evidence.rollout == canary()


def test_who_is_paused_goes_no_further_but_can_be_rolled_back() -> None:
    paused = pause(canary(), at=2 * DAY, by="ada")
    assert judge(paused, Summary(canary=(STEP,)), 4 * DAY).action == "hold"
    bad = msgspec.structs.replace(STEP, first_failures=Sides(candidate=14))
    assert judge(paused, Summary(canary=(bad,)), 4 * DAY).action == "roll_back"


def test_what_is_over_is_left_alone() -> None:
    assert judge(abort(canary(), at=3 * DAY, by="ada"), Summary(), 4 * DAY).action == "hold"


def test_latency_and_scores_are_shown_when_there_are_any() -> None:
    step = msgspec.structs.replace(STEP, first_slow=Sides(candidate=20))
    summary = Summary(canary=(step,), timed=True, scores=((5, 5), (50, 50)))
    found = judge(canary(), summary, 4 * DAY)
    assert found.action == "roll_back"
    assert "Latency: 20 units" in found.sentence
    assert [guard.name for guard in found.guards] == [
        "failures",
        "mistakes",
        "latency",
        "assignment",
        "scores",
    ]
    assert evidence_needed(POLICY, timed=True) == 500
    assert evidence_needed(POLICY, timed=False) == 400


def test_how_many_units_exclude_the_margin() -> None:
    none = units_needed(POLICY, 0.0, 0.0, 9.0)
    assert none is not None
    assert 90 <= none <= 100, "this is where min_units=100 and margin=0.05 meet"
    some = units_needed(POLICY, 0.02, 0.02, 9.0)
    assert some is not None
    assert none < some < 500
    assert units_needed(POLICY, 0.08, 0.02, 9.0) is None


def test_what_is_decided_can_be_kept() -> None:
    found = stepped(first_failures=Sides(candidate=5000), failing=(130.0, 0.0))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Decision) == found


@pytest.mark.parametrize(("mean", "action"), [(0.0, "advance"), (0.3, "roll_back")])
def test_a_shadow_of_numbers_is_judged_by_its_errors(mean: float, action: str) -> None:
    shadow = msgspec.structs.replace(
        CALM, harm=Moments(count=1100, mean=mean, variance=0.2), loss=12.0, changed=Moments()
    )
    found = judge(started(), Summary(shadow=shadow, decided=False, relative=True), DAY)
    assert found.action == action
    assert [guard.name for guard in found.guards] == ["failures", "mistakes"]
