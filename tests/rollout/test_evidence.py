"""The fold over the log: the same numbers in any order, each thing once."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapwise.core.errors import RolloutError
from lapwise.core.model import Scalar
from lapwise.core.prediction import Answer, Answered, Failure, Feedback, Fused, LogEntry, Outcome
from lapwise.core.rollout import Rollout
from lapwise.rollout import Evidence, abort, advance
from lapwise.rollout.counting import Bounded, Seen
from lapwise.rollout.summary import Sides
from tests.rollout.acts import ADVANCE, DAY, canary, started
from tests.rollout.world import Counters, World, entries, labels


def answered(
    request: str = "q",
    *,
    at: int = 0,
    arm: str = "production",
    scores: list[float | list[float]] | None = None,
    units: tuple[str, ...] = ("u",),
    failed: tuple[int, ...] = (),
    microseconds: int = 100,
) -> Answered:
    version = "old" if arm == "production" else "new"
    places = tuple(place for place in range(len(units)) if place not in failed)
    answer = Answer(
        version=version,
        arm=arm,  # type: ignore[arg-type]
        places=places,
        features={},
        scores=scores if scores is not None else [0.0] * len(places),
    )
    return Answered(
        request=request,
        at=at,
        revision=1,
        rows=tuple(f"row-{request}-{place}" for place in range(len(units))),
        units=units,
        inputs={},
        answers=(answer,) if places else (),
        failures=tuple(Failure(place=one, version=version, kind="exception") for one in failed),
        microseconds=microseconds,
        shadow=arm == "shadow",
    )


def label(value: Scalar, prediction: str = "q.0", at: int = 5) -> Feedback:
    return Feedback(at=at, outcomes=(Outcome(label=value, prediction=prediction),))


def binary(rollout: Rollout) -> Evidence:
    return Evidence(rollout, task="binary", threshold_candidate=0.5, threshold_control=0.5)


def folded(evidence: Evidence, *log: LogEntry) -> Evidence:
    for entry in log:
        evidence.add(entry)
    return evidence


def world_log(seed: int, rollout: Rollout, hours: list[int]) -> list[LogEntry]:
    world = World(seed, units=40, rows=12, failing=0.2)
    log: list[LogEntry] = []
    for hour in hours:
        tick = world.tick(hour)
        log += entries(tick, rollout, world)
        log.append(labels(tick, (hour + 6) * DAY // 24))
    return log


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_the_order_of_the_log_does_not_matter(seed: int, in_canary: bool) -> None:
    rollout = canary() if in_canary else started()
    log = world_log(seed, rollout, [50, 51, 52])
    shuffled = [*log, log[0]]
    random.Random(seed).shuffle(shuffled)
    assert folded(binary(rollout), *log).summary() == folded(binary(rollout), *shuffled).summary()


@pytest.mark.parametrize("in_canary", [False, True])
def test_the_vectors_of_the_simulation_count_as_the_fold_does(in_canary: bool) -> None:
    rollout = canary() if in_canary else started()
    world = World(3, units=200, rows=50, failing=0.1, more_failures=0.02)
    evidence, counters = binary(rollout), Counters(world, 4)
    if in_canary:
        counters.step(10)
    ticks = {}
    for hour in range(48, 78):
        tick = ticks[hour] = world.tick(hour)
        counters.add(tick)
        folded(evidence, *entries(tick, rollout, world))
        if hour - 4 in ticks:
            evidence.add(labels(ticks[hour - 4], hour * DAY // 24 + 1000))
    found, expected = evidence.summary(), counters.summary()
    for one, other in [
        (found.shadow, expected.shadow),
        *zip(found.canary, expected.canary, strict=True),
    ]:
        flat = {name: flattened(getattr(other, name)) for name in other.__struct_fields__}
        for name, value in flat.items():
            if name not in ("unpaired", "loss"):
                assert flattened(getattr(one, name)) == pytest.approx(value, abs=1e-12), name


def flattened(value: object) -> object:
    if isinstance(value, msgspec.Struct):
        return tuple(getattr(value, name) for name in value.__struct_fields__)
    return value


def test_a_restart_finds_the_same_and_a_longer_history_may_follow() -> None:
    rollout = canary()
    first, later = world_log(1, rollout, [50, 51]), []
    running = folded(binary(rollout), *first)
    raised = advance(rollout, ADVANCE, at=running.latest + 1)
    later = [
        msgspec.structs.replace(entry, at=entry.at + DAY)
        for entry in world_log(2, raised, [52])
        if isinstance(entry, Answered)
    ]
    later = [msgspec.structs.replace(entry, request="b" + entry.request) for entry in later]
    running.follow(raised)
    folded(running, *later)
    anew = folded(binary(raised), *first, *later)
    assert running.summary() == anew.summary()
    assert [step.weight for step in anew.summary().canary] == [10, 50]


def test_evidence_follows_its_own_rollout_only() -> None:
    other = msgspec.structs.replace(canary(), id="r2")
    with pytest.raises(RolloutError, match="belongs to one rollout"):
        binary(canary()).follow(other)


def test_a_repeated_request_and_a_second_label_count_once() -> None:
    pair = (answered(scores=[0.9]), answered(arm="shadow", scores=[0.1]))
    found = folded(
        binary(started()), *pair, *pair, label(True), label(False, at=6), *pair
    ).summary()
    assert (found.shadow.pairs, found.shadow.labelled) == (1, 1)
    assert found.shadow.first_mistakes == Sides(candidate=1)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("by_row", [False, True])
def test_a_label_may_come_first_and_by_row(order: tuple[int, ...], by_row: bool) -> None:
    outcome = Outcome(label=1, row="row-q-0") if by_row else Outcome(label=1, prediction="q.0")
    log = (
        answered(scores=[0.9]),
        answered(arm="shadow", scores=[0.1]),
        Feedback(at=5, outcomes=(outcome,)),
    )
    found = folded(binary(started()), *(log[place] for place in order)).summary()
    assert found.shadow.labelled == 1
    assert found.shadow.harm.mean == 1.0


def test_a_shadow_that_fails_where_production_does_not_is_a_differing_pair() -> None:
    units = ("a", "b", "c", "d")
    log = (
        answered(units=units, failed=(1, 3)),
        answered(units=units, arm="shadow", failed=(0, 3)),
    )
    found = folded(binary(started()), *log).summary().shadow
    assert found.pairs == 4
    assert found.first_failures == Sides(candidate=1, control=1)
    assert found.failing == (1.0, 1.0)


def test_a_shadow_s_time_out_says_nothing() -> None:
    late = Failure(place=0, version="new", kind="timeout")
    shadow = msgspec.structs.replace(answered(arm="shadow"), answers=(), failures=(late,))
    found = folded(binary(started()), answered(), shadow).summary().shadow
    assert (found.pairs, found.unpaired) == (0, 1)


def test_a_unit_counts_once_however_often_it_fails() -> None:
    log = [answered(f"q{n}", at=2 * DAY + n, arm="canary", failed=(0,)) for n in range(50)]
    step = folded(binary(canary()), *log).summary().canary[0]
    assert step.first_failures == Sides(candidate=1)
    assert step.units == step.failed == step.assigned == Sides(candidate=1)


def test_rows_of_nobody_are_each_their_own() -> None:
    log = answered(at=2 * DAY, units=("", "", ""))
    step = folded(binary(canary()), log).summary().canary[0]
    assert step.units == Sides(control=3)


def test_a_row_that_production_answered_for_the_canary_is_the_canary_s_failure() -> None:
    entry = msgspec.structs.replace(
        answered(at=2 * DAY, units=("a", "b")),
        failures=(Failure(place=1, version="new", kind="not_finite"),),
    )
    step = folded(binary(canary()), entry, label(True, "q.1")).summary().canary[0]
    assert step.units == Sides(candidate=1, control=1)
    assert step.failed == Sides(candidate=1)
    assert step.control_loss.count == 0


def test_what_falls_outside_the_rollout_does_not_count() -> None:
    over = abort(canary(), at=3 * DAY, by="ada")
    log = [answered("a", at=-1), answered("b", at=3 * DAY), answered("c", at=4 * DAY)]
    fuse = Fused(at=4 * DAY, version="new", revision=1, reason="late")
    found = folded(binary(over), *log, fuse).summary()
    assert found.shadow.unpaired == 0
    assert found.canary[0].units == Sides()
    assert found.fused == ""


def test_a_fuse_of_another_version_is_not_ours() -> None:
    fuse = Fused(at=2 * DAY, version="other", revision=1, reason="it failed")
    assert folded(binary(canary()), fuse).summary().fused == ""
    fuse = Fused(at=2 * DAY, version="new", revision=1, reason="it failed")
    assert folded(binary(canary()), fuse).summary().fused == "it failed"


def test_latency_is_judged_only_where_asked() -> None:
    log = [answered(f"q{n}", at=2 * DAY + n, arm="canary", microseconds=999) for n in range(3)]
    assert not folded(binary(canary()), *log).summary().timed
    timed = Evidence(canary(), task="regression", slow=500)
    found = folded(timed, *log).summary()
    assert found.timed
    assert found.canary[0].first_slow == Sides(candidate=1)


def test_classes_and_errors_are_losses_too() -> None:
    pair = (answered(scores=[]), answered(arm="shadow", scores=[]))
    several = [
        msgspec.structs.replace(
            one, answers=(msgspec.structs.replace(one.answers[0], scores=[scores]),)
        )
        for one, scores in zip(pair, ([0.1, 0.9], [0.8, 0.2]), strict=True)
    ]
    evidence = Evidence(started(), task="multiclass", classes=("cat", "dog"))
    found = folded(evidence, *several, label("dog")).summary()
    assert (found.shadow.harm.mean, found.shadow.changed.mean) == (1.0, 1.0)
    near = (answered(scores=[11.0]), answered(arm="shadow", scores=[13.0]), label(10.0))
    found = folded(Evidence(started(), task="regression"), *near).summary()
    assert found.shadow.harm.mean == 2.0, "three times the error is 200 per cent more"
    assert found.relative
    brier = (answered(scores=[0.5]), answered(arm="shadow", scores=[0.0]), label(1))
    found = folded(Evidence(started(), task="binary"), *brier).summary()
    assert found.shadow.harm.mean == 0.75


@pytest.mark.parametrize("value", [None, "maybe", 7, float("nan")])
def test_a_label_that_is_none_of_the_task_is_left_out(value: Scalar) -> None:
    pair = (answered(scores=[0.9]), answered(arm="shadow", scores=[0.1]))
    assert folded(binary(started()), *pair, label(value)).summary().shadow.labelled == 0


def test_memory_is_bounded() -> None:
    kept: Bounded[int] = Bounded(2)
    assert [kept.put(key, n) for n, key in enumerate("abc")] == [None, None, 0]
    assert (list(kept), kept.dropped) == (["b", "c"], 1)
    seen = Seen(2)
    assert [seen.again(key) for key in "aabca"] == [False, True, False, False, True]
    for key in "defg":
        seen.again(key)
    assert not seen.again("a")
    evidence = folded(binary(canary()), answered(at=2 * DAY), label(False))
    assert not evidence._waiting
    assert not evidence._by_row


def test_a_label_counts_once_its_prediction_is_old_enough() -> None:
    """Labels that come early are not like the others: good news, as a rule, is quick."""
    evidence = Evidence(
        started(), task="binary", threshold_candidate=0.5, threshold_control=0.5, mature=DAY
    )
    quick = (answered(scores=[0.9]), answered(arm="shadow", scores=[0.1]), label(True))
    found = folded(evidence, *quick)
    found.ripen(DAY - 1)
    assert (found.summary().shadow.pairs, found.summary().shadow.labelled) == (1, 0)
    found.ripen(DAY)
    assert found.summary().shadow.labelled == 1
    assert found.summary().shadow.first_mistakes == Sides(candidate=1)
