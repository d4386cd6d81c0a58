"""Harm by discrimination: the scores no longer tell the classes apart as they did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.clock import format_time
from lapwise.core.duration import parse_duration
from lapwise.core.errors import DeclarationError
from lapwise.core.observation import AlarmKind
from lapwise.monitoring.days import DAY, days_of
from lapwise.monitoring.model import Finding, Monitor, check_between
from lapwise.monitoring.scores import JUDGED, judge_metric

if TYPE_CHECKING:
    from lapwise.monitoring.window import Window

__all__ = ["Performance"]


class Performance(Monitor, frozen=True, tag="performance"):
    """Raises an alarm when a metric is surely lower than on the rows that the version was tested on.

    ``roc_auc`` does not depend on the base rate. ``log_loss`` and ``brier`` are judged as skill
    against the base rate of the time. Accuracy and such follow the base rate, and are refused.

    Args:
        metric: ``roc_auc``, ``log_loss`` or ``brier``.
        drop: how much lower is accepted; a share of the whole range.
        window: over how many days, by the time of prediction.
        mature: how old a prediction must be before it counts, so that labels that come fast do
            not count more than others.
        confidence: one-sided; days, not rows, are what varies.

    Raises:
        DeclarationError: no such metric, or a number is out of range.

    >>> Performance("roc_auc", drop=0.02).name
    'Performance(roc_auc, drop=0.02)'
    """

    metric: str
    drop: float = 0.03
    window: str = "14d"
    mature: str = "1d"
    confidence: float = 0.99

    def __post_init__(self) -> None:
        """Check the parameters."""
        if self.metric not in JUDGED:
            raise DeclarationError(
                "performance in use is not judged by this metric",
                value=self.metric,
                expected=", ".join(JUDGED) + "; others follow the base rate of the time",
            )
        check_between("an accepted drop", self.drop, 0, 1)
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
        """Compare the trailing window with the reference."""
        from scipy.special import stdtr, stdtrit

        held = next((h for h in window.normal.reference.held if h.name == self.metric), None)
        rows = window.labelled(days_of(self.window), parse_duration(self.mature))
        now = judge_metric(self.metric, [day for _, day in rows])
        if held is None or now is None:
            return []
        lost = held.value - now.value
        error = max((held.error**2 + now.error**2) ** 0.5, 1e-9)
        free = min(held.blocks, now.days) - 1
        surely = lost - float(stdtrit(free, self.confidence)) * error
        return [
            Finding(
                subject=self.metric,
                loud=surely > self.drop,
                quiet=lost < self.drop,
                size=lost,
                measured=now.value,
                limit=held.value - self.drop,
                p=float(stdtr(free, (self.drop - lost) / error)),
                since=rows[0][0],
                facts={"held": held.value, "surely": surely, "rows": now.rows, "days": now.days},
            )
        ]

    def say(self, findings: list[Finding], window: Window) -> str:
        """Return one sentence on the metric."""
        found = findings[0]
        what = "roc_auc" if self.metric == "roc_auc" else f"the skill of its {self.metric}"
        return (
            f"Harm: {what} is {found.measured:.3f} over the predictions since "
            f"{format_time(found.since)[:10]}, {found.size:.3f} below the {found.facts['held']:.3f} "
            f"of its test; surely {found.facts['surely']:.3f} lower at {100 * self.confidence:g} % "
            f"confidence ({found.facts['rows']:.0f} labels, {found.facts['days']:.0f} days), "
            f"and {self.drop:g} is accepted."
        )
