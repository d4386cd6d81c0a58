"""What the page says about a rollout."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from lapwise.core.duration import parse_duration
from lapwise.core.errors import DeclarationError
from lapwise.core.rollout import RolloutPolicy

__all__ = ["Pairs", "Rollout"]


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class Pairs(msgspec.Struct, frozen=True):
    """So many answers to the same rows, production's and the shadow's, before a person is asked.

    >>> Pairs(1500).count
    1500
    """

    count: int

    def __post_init__(self) -> None:
        """Check the count."""
        if not _whole(self.count) or self.count < 1:
            raise DeclarationError(
                "a shadow needs pairs to compare",
                value=self.count,
                expected="a whole number of at least 1; shadow=None leaves the shadow out",
                fix="shadow=lw.Pairs(1500)",
            )


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """How a version comes to users: beside production first, then to more and more units.

    Args:
        shadow: how many pairs to compare while nobody sees the candidate's answers; None for none.
        canary: per cent of units at each step, rising, the last 100: there the candidate becomes
            production, and nothing is left to compare it with.
        hold: the shortest stay at each step, such as ``"1d"``.
        min_units: the candidate's units that each step must have seen.
        margin: the harm that is accepted, as a share: 0.05 lets 5 units in 100 more be harmed.
        confidence: how sure a step must be that the harm is within the margin; ``1 - confidence``
            is also the chance that a harmless version is rolled back, however often one looks.
        patience: after so long a step that cannot conclude says so, and holds.

    Raises:
        DeclarationError: a number outside its range, or steps that do not rise to 100.

    >>> Rollout(canary=[10, 100], hold="12h").policy.steps
    (10, 100)
    """

    shadow: Pairs | None = Pairs(1500)
    canary: Sequence[int] = (10, 50, 100)
    hold: str = "1d"
    min_units: int = 100
    margin: float = 0.05
    confidence: float = 0.99
    patience: str = "14d"

    def __post_init__(self) -> None:
        """Check the declaration."""
        if self.shadow is not None and not isinstance(self.shadow, Pairs):
            raise DeclarationError(
                "a shadow is declared by the pairs it must answer",
                value=self.shadow,
                expected="lw.Pairs, or None for no shadow",
                fix="shadow=lw.Pairs(1500)",
            )
        msgspec.structs.force_setattr(self, "canary", _steps(self.canary))
        if not _whole(self.min_units) or self.min_units < 1:
            raise DeclarationError(
                "a step needs units to judge by",
                value=self.min_units,
                expected="a whole number of at least 1",
                fix="min_units=100",
            )
        _share("margin", self.margin, 0.0, "margin=0.05")
        _share("confidence", self.confidence, 0.5, "confidence=0.99")
        if parse_duration(self.hold) > parse_duration(self.patience):
            raise DeclarationError(
                "a step would lose patience before it may end",
                value=f"hold={self.hold}, patience={self.patience}",
                expected="a hold no longer than the patience",
                fix=f'patience="{self.hold}" or longer',
            )

    @property
    def policy(self) -> RolloutPolicy:
        """The declaration as the record that a rollout keeps."""
        return RolloutPolicy(
            pairs=0 if self.shadow is None else self.shadow.count,
            steps=tuple(self.canary),
            hold=parse_duration(self.hold),
            min_units=self.min_units,
            margin=self.margin,
            alpha=round(1 - self.confidence, 12),
            patience=parse_duration(self.patience),
        )


def _steps(canary: object) -> tuple[int, ...]:
    """Return the steps, or refuse them."""
    steps = tuple(canary) if isinstance(canary, Sequence) else ()
    fine = (
        all(_whole(step) and 1 <= step <= 100 for step in steps)
        and all(low < high for low, high in pairwise(steps))
        and steps[-1:] == (100,)
    )
    if not fine:
        raise DeclarationError(
            "a canary's steps must rise to 100",
            value=canary,
            expected="whole per cents of units, each above the one before, the last 100",
            fix="canary=[10, 50, 100]",
        )
    return steps


def _share(name: str, value: object, least: float, fix: str) -> None:
    """Refuse what is not a share strictly between ``least`` and one."""
    number = isinstance(value, float | int) and not isinstance(value, bool)
    if not number or not least < float(str(value)) < 1:
        raise DeclarationError(
            f"a rollout's {name} is a share",
            value=value,
            expected=f"a number between {least:g} and 1, neither included",
            fix=fix,
        )
