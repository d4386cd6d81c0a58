"""Which stage a moment belongs to."""

from lapwise.rollout import advance, pause, resume, roll_back
from lapwise.rollout.stages import Stage, find_stage, stages
from tests.rollout.acts import ADVANCE, DAY, canary, started, waiting


def test_stages_are_spans_of_one_assignment() -> None:
    rollout = advance(canary(), ADVANCE, at=3 * DAY)
    rollout = resume(pause(rollout, at=4 * DAY, by="ada"), at=5 * DAY, by="ada")
    rollout = roll_back(rollout, "it burns", at=6 * DAY)
    assert stages(rollout) == (
        Stage(kind="shadow", weight=0, start=0),
        Stage(kind="canary", weight=10, start=2 * DAY),
        Stage(kind="canary", weight=50, start=3 * DAY),
        Stage(kind="closed", weight=0, start=6 * DAY),
    )


def test_shadow_and_waiting_are_one_stage() -> None:
    assert stages(waiting()) == stages(started())


def test_a_moment_belongs_to_the_stage_that_began_last() -> None:
    ordered = stages(roll_back(canary(), "it burns", at=3 * DAY))
    found = [find_stage(ordered, at) for at in (-1, 0, 2 * DAY - 1, 2 * DAY, 3 * DAY - 1, 3 * DAY)]
    assert found == [None, 0, 0, 1, 1, None]
