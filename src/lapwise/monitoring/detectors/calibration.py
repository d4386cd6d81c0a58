"""Harm by calibration: as many things happen as the scores do not say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.clock import format_time
from lapwise.core.duration import parse_duration
from lapwise.core.observation import AlarmKind
from lapwise.monitoring.days import DAY, days_of
from lapwise.monitoring.model import Finding, Monitor, check_between
from lapwise.monitoring.scores import FEWEST_DAYS

if TYPE_CHECKING:
    from lapwise.monitoring.window import Window

__all__ = ["Calibration"]

SUBJECT = "observed_to_expected"


class Calibration(Monitor, frozen=True, tag="calibration"):
    """Raises an alarm when what happened is surely not as often as the scores said.

    Args:
        tolerance: 0.1 accepts from 10 % fewer to 10 % more than expected.
        window: over how many days, by the time of prediction.
        mature: as for :class:`~lapwise.monitoring.detectors.performance.Performance`.
        confidence: one-sided; days, not rows, are what varies.

    Raises:
        DeclarationError: a number is out of range.

    >>> Calibration().kind
    'harm'
    """

    tolerance: float = 0.1
    window: str = "14d"
    mature: str = "1d"
    confidence: float = 0.99

    def __post_init__(self) -> None:
        """Check the parameters."""
        check_between("a tolerance", self.tolerance, 0, 1)
        check_between("a confidence", self.confidence, 0.5, 1)
        days_of(self.window)
        parse_duration(self.mature)

    @property
    def kind(self) -> AlarmKind:
        """Return harm."""
        return "harm"

    @property
    def reach(self) -> int:
        """Return how far back it looks, in microseconds."""
        return days_of(self.window) * DAY + parse_duration(self.mature) + DAY

    def judge(self, window: Window) -> list[Finding]:
        """Compare what happened with the sum of the scores over the trailing window."""
        import numpy as np
        from scipy.special import stdtr, stdtrit

        rows = window.labelled(days_of(self.window), parse_duration(self.mature))
        if len(rows) < FEWEST_DAYS:
            return []
        happened = np.array([day.label.sum() for _, day in rows])
        expected = np.array([day.score.sum() for _, day in rows])
        count = len(rows)
        if min(happened.sum(), expected.sum()) < 20:
            return []
        ratio = float(happened.sum() / expected.sum())
        spread = float(((happened - ratio * expected) ** 2).sum()) * count / (count - 1)
        # On the scale of logarithms, twice as many and half as many are as far.
        error = max(spread**0.5 / float(happened.sum()), 1e-9)
        side = 1.0 if ratio > 1 else -1.0
        beyond = side * float(np.log(ratio))
        accepted = (
            float(np.log1p(self.tolerance)) if side > 0 else -float(np.log1p(-self.tolerance))
        )
        reach = float(stdtrit(count - 1, self.confidence)) * error
        surely = float(np.exp(side * max(beyond - reach, 0.0)))
        return [
            Finding(
                subject=SUBJECT,
                loud=beyond - reach > accepted,
                quiet=beyond < accepted,
                size=side * beyond,
                measured=ratio,
                limit=1 + side * self.tolerance,
                p=float(stdtr(count - 1, (accepted - beyond) / error)),
                since=rows[0][0],
                facts={
                    "surely": surely,
                    "rate": float(happened.sum()) / sum(len(day.label) for _, day in rows),
                    "score": float(expected.sum()) / sum(len(day.label) for _, day in rows),
                    "days": count,
                },
            )
        ]

    def say(self, findings: list[Finding], window: Window) -> str:
        """Return one sentence on the ratio."""
        found = findings[0]
        more = "more" if found.size > 0 else "fewer"
        least = "at least" if found.size > 0 else "at most"
        return (
            f"Harm: {100 * abs(found.measured - 1):.0f} % {more} happened than the scores said since "
            f"{format_time(found.since)[:10]}: base rate {found.facts['rate']:.3f}, mean score "
            f"{found.facts['score']:.3f} ({found.facts['days']:.0f} days); {least} "
            f"{found.facts['surely']:.2f} times as many at {100 * self.confidence:g} % confidence, "
            f"and {found.limit:.2f} is accepted."
        )
