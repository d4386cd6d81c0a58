"""How long a rollout will take at the traffic that was there."""

from __future__ import annotations

import pytest

from lapwise.core.clock import format_time
from lapwise.core.errors import NotFoundError, RolloutError
from lapwise.loop.planning import plan_rollout
from tests.loop.answered import Asked
from tests.loop.twice import NOW
from tests.loop.worlds import World


def planned(world: World) -> object:
    with world.workshop(format_time(NOW)) as opened:
        return plan_rollout(opened, world.loop())


def test_a_plan_says_days_and_units_for_each_step(answered: Asked) -> None:
    with answered.world.workshop(format_time(NOW)) as opened:
        steps, traffic = plan_rollout(opened, answered.world.loop())
    assert [one.step for one in steps] == ["shadow", "50 %", "100 %"]
    assert traffic.rows_per_day == pytest.approx(answered.rows / 3, rel=0.1)
    shadow, canary, last = steps
    assert shadow.days == 2  # 60 pairs at about 50 rows a day
    assert 1 <= canary.days <= 14
    assert canary.units >= 20
    assert last.days == 0


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("lw.Pairs(60)", "lw.Pairs(100_000)", ("shadow", "lw.Pairs(")),
        ("min_units=20", "min_units=100_000", ("50 %", "100,000")),
        ("margin=0.25", 'margin=0.001, patience="2d"', ("50 %", "margin")),
    ],
)
def test_a_plan_that_cannot_conclude_is_refused_with_what_would(
    answered: Asked, old: str, new: str, named: tuple[str, str]
) -> None:
    answered.world.edit(old, new)
    with pytest.raises(RolloutError) as caught:
        planned(answered.world)
    assert all(piece in str(caught.value) for piece in named), str(caught.value)
    assert caught.value.fix


def test_without_traffic_there_is_nothing_to_plan_with(world: World) -> None:
    with pytest.raises(NotFoundError, match="no traffic to plan with") as caught:
        planned(world)
    assert caught.value.fix == "lapwise serve returns"
