"""Drift of predictions: the scores are not distributed as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.monitoring.days import days_of
from lapwise.monitoring.detectors.shift import find_shifts, tell_shift
from lapwise.monitoring.model import Finding, Monitor, check_between

if TYPE_CHECKING:
    from lapwise.monitoring.window import Window

__all__ = ["PredictionDrift"]


class PredictionDrift(Monitor, frozen=True, tag="prediction_drift"):
    """Raises an alarm when the scores stray from the reference for two days in a row.

    It needs no labels. It is not harm: scores that follow a world that changes are right to.

    Args:
        least: the smallest Jensen-Shannon distance (0 to 1) from the most alike days of the
            reference that matters.
        once_in: how long a world that does not change goes, on average, without a false alarm.

    Raises:
        DeclarationError: a number is out of range.

    >>> PredictionDrift(least=0.2).name
    'PredictionDrift(0.2)'
    """

    least: float = 0.1
    once_in: str = "52w"

    def __post_init__(self) -> None:
        """Check the parameters."""
        check_between("the smallest distance that matters", self.least, 0, 1)
        days_of(self.once_in)

    def judge(self, window: Window) -> list[Finding]:
        """Judge the scores on the last two days."""
        chance = 1 / days_of(self.once_in)
        return find_shifts(window, window.normal.score, chance=chance, least=self.least)

    def say(self, findings: list[Finding], window: Window) -> str:
        """Return one sentence on the scores."""
        return f"Drift, not yet harm: the scores are {tell_shift(findings[0])}."
