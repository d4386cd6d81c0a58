"""Drift of features: what comes in is not what the version was made on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.monitoring.days import days_of
from lapwise.monitoring.detectors.shift import find_shifts, tell_shift
from lapwise.monitoring.model import Finding, Monitor, check_between

if TYPE_CHECKING:
    from lapwise.monitoring.window import Window

__all__ = ["Drift"]

_NAMED = 4


class Drift(Monitor, frozen=True, tag="drift"):
    """Raises an alarm when features stray from the reference for two days in a row.

    How far days stray when nothing is wrong is known from the reference's own days. Features that
    stray together are one alarm. Drift is not harm: what drifts may matter little to the answers.

    Args:
        least: the smallest Jensen-Shannon distance (0 to 1) from the most alike days of the
            reference that matters.
        once_in: how long a world that does not change goes, on average, without a false alarm; each
            day's features share the chance (Benjamini-Hochberg).

    Raises:
        DeclarationError: a number is out of range.

    >>> Drift().kind
    'drift'
    """

    least: float = 0.1
    once_in: str = "52w"

    def __post_init__(self) -> None:
        """Check the parameters."""
        check_between("the smallest distance that matters", self.least, 0, 1)
        days_of(self.once_in)

    def judge(self, window: Window) -> list[Finding]:
        """Judge every feature on the last two days."""
        chance = 1 / days_of(self.once_in)
        return find_shifts(window, window.normal.features, chance=chance, least=self.least)

    def say(self, findings: list[Finding], window: Window) -> str:
        """Return one sentence on features that stray together."""
        first, others = findings[0], [one.subject for one in findings[1:]]
        more = ", ".join(others[:_NAMED]) + (
            f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        )
        return f"Drift, not yet harm: '{first.subject}' is {tell_shift(first)}." + (
            f" With it: {more}." if more else ""
        )
