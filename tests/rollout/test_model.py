"""The page's words of a rollout."""

import pytest

from lapwise.core.errors import DeclarationError
from lapwise.core.rollout import RolloutPolicy
from lapwise.rollout import Pairs, Rollout

DAY = 86_400_000_000


def test_the_page_gives_a_policy() -> None:
    declared = Rollout(
        shadow=Pairs(1500), canary=[10, 50, 100], hold="1d", min_units=100, margin=0.05
    )
    assert declared.policy == RolloutPolicy(
        pairs=1500,
        steps=(10, 50, 100),
        hold=DAY,
        min_units=100,
        margin=0.05,
        alpha=0.01,
        patience=14 * DAY,
    )


def test_the_defaults_are_the_page_s() -> None:
    assert Rollout().policy == Rollout(shadow=Pairs(1500), canary=[10, 50, 100]).policy


def test_a_rollout_may_go_without_a_shadow() -> None:
    assert Rollout(shadow=None).policy.pairs == 0


@pytest.mark.parametrize(
    "canary",
    [[], [10, 50], [50, 10, 100], [10, 10, 100], [0, 100], [0.5, 100], "100", 100, [True, 100]],
)
def test_steps_must_rise_to_a_hundred(canary: object) -> None:
    with pytest.raises(DeclarationError, match="rise to 100") as refused:
        Rollout(canary=canary)  # type: ignore[arg-type]
    assert refused.value.fix == "canary=[10, 50, 100]"


@pytest.mark.parametrize("margin", [0, 1, -0.1, 5, "5 %", float("nan"), True])
def test_a_margin_is_a_share(margin: object) -> None:
    with pytest.raises(DeclarationError, match="margin is a share"):
        Rollout(margin=margin)  # type: ignore[arg-type]


@pytest.mark.parametrize("confidence", [0.5, 1, 99])
def test_a_confidence_is_a_share_above_a_half(confidence: float) -> None:
    with pytest.raises(DeclarationError, match="confidence is a share"):
        Rollout(confidence=confidence)


@pytest.mark.parametrize("units", [0, -1, 1.5, True])
def test_units_are_whole(units: object) -> None:
    with pytest.raises(DeclarationError, match="needs units"):
        Rollout(min_units=units)  # type: ignore[arg-type]


@pytest.mark.parametrize("pairs", [0, -3, 2.5, True])
def test_pairs_are_whole(pairs: object) -> None:
    with pytest.raises(DeclarationError, match="needs pairs"):
        Pairs(pairs)  # type: ignore[arg-type]


def test_a_shadow_is_pairs() -> None:
    with pytest.raises(DeclarationError, match="by the pairs"):
        Rollout(shadow=1500)  # type: ignore[arg-type]


def test_a_hold_must_end_before_patience_does() -> None:
    with pytest.raises(DeclarationError, match="lose patience"):
        Rollout(hold="3d", patience="2d")


def test_a_duration_is_one() -> None:
    with pytest.raises(DeclarationError, match="not a duration"):
        Rollout(hold="one day")
