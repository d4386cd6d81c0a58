"""How long a rollout will take, and which plans are refused."""

import msgspec
import pytest

from lapwise.core.errors import RolloutError
from lapwise.rollout import Traffic, TrafficFold, plan
from lapwise.rollout.traffic import DAY
from tests.rollout.acts import POLICY
from tests.rollout.test_evidence import answered

FLIGHTS = Traffic(
    rows_per_day=850, units_per_day=700, new_units_by_day=(700, 420, 300, 220), failure_rate=0.0
)


def test_a_plan_names_each_step_its_days_and_why() -> None:
    steps = plan(POLICY, FLIGHTS)
    assert [(step.step, step.days) for step in steps] == [
        ("shadow", 2),
        ("10 %", 2),
        ("50 %", 1),
        ("100 %", 0),
    ]
    assert steps[0].why == "1,500 pairs at 850 rows a day"
    assert steps[1].why == "100 units at 10 %"
    assert steps[1].units == 112
    assert steps[2].why == "holds 1d"


def test_failures_of_production_cost_units() -> None:
    steps = plan(POLICY, msgspec.structs.replace(FLIGHTS, failure_rate=0.02))
    assert steps[1].days > 2
    assert "exclude 5.0 points more failures, where 2 % of answers fail anyway" in steps[1].why


def test_a_step_without_enough_units_is_refused_with_what_would_do() -> None:
    few = Traffic(rows_per_day=5000, units_per_day=600, new_units_by_day=(600, 100, 50, 20))
    with pytest.raises(RolloutError, match="step of 10 % cannot have 100") as refused:
        plan(POLICY, few)
    assert refused.value.fix == 'a step of 11 % or more, or patience="16d"'
    slow = Traffic(rows_per_day=5000, units_per_day=60, new_units_by_day=(60, 50))
    with pytest.raises(RolloutError) as refused:
        plan(POLICY, slow)
    assert 'patience="20d"' in refused.value.fix


def test_a_shadow_without_enough_rows_is_refused() -> None:
    idle = Traffic(rows_per_day=10, units_per_day=10, new_units_by_day=(10,))
    with pytest.raises(RolloutError, match="the shadow cannot have 1,500 pairs") as refused:
        plan(POLICY, idle)
    assert refused.value.fix == 'shadow=lw.Pairs(140), or patience="150d"'
    with pytest.raises(RolloutError, match="the shadow"):
        plan(POLICY, Traffic(rows_per_day=0, units_per_day=0, new_units_by_day=()))


def test_a_margin_that_production_s_own_failures_hide_is_refused() -> None:
    policy = msgspec.structs.replace(POLICY, margin=0.00001)
    with pytest.raises(RolloutError, match="cannot exclude"):
        plan(policy, msgspec.structs.replace(FLIGHTS, failure_rate=0.3))


def test_traffic_is_counted_by_day_with_units_once() -> None:
    fold = TrafficFold()
    log = [
        answered("a", at=0, units=("u", "v")),
        answered("b", at=1, units=("u",), failed=(0,)),
        answered("c", at=DAY, units=("u", "w", "")),
        answered("d", at=DAY + 1, units=("x",), arm="shadow"),
    ]
    for entry in [*log, log[0]]:
        fold.add(entry)
    assert fold.traffic(until=2 * DAY) == Traffic(
        rows_per_day=3.0, units_per_day=2.5, new_units_by_day=(2, 2), failure_rate=1 / 12
    )


def test_a_day_that_is_not_over_does_not_count() -> None:
    fold = TrafficFold()
    fold.add(answered("a", at=0))
    fold.add(answered("b", at=DAY + 5, units=("v",)))
    assert fold.traffic().new_units_by_day == (1,)


def test_no_traffic_is_none() -> None:
    assert TrafficFold().traffic().rows_per_day == 0
