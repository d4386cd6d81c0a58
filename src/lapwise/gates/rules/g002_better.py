"""G002 Better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.evidence import Evidence
from lapwise.core.model import Verdict, VerdictStatus
from lapwise.gates.metrics import directed_metric
from lapwise.gates.model import Gate, Need, Reference, check_comparison

if TYPE_CHECKING:
    from lapwise.gates.sample import Sample

__all__ = ["Better"]


class Better(Gate, frozen=True, tag="G002"):
    """The candidate beats another model by more than a margin, beyond doubt.

    What it does:
        Measures the improvement of ``metric`` (positive is better, whichever way the metric runs)
        over ``than`` on the same rows. Passes when the lower bound of the improvement is above
        ``margin``, fails when its upper bound is not, and cannot tell in between. ``each`` asks it
        of every value of a column. Without a production version the comparison with it does not
        apply.
    Why:
        A change that is not shown to help is a risk without a reward.

    Example:
        ``Better("log_loss", than="production", margin=0.002, confidence=0.95)``
    Statistics:
        Paired block bootstrap, 1000 resamples, each bound one-sided at ``confidence``
        (``lapwise.gates.bootstrap``); over slices see ``lapwise.gates.slices``.

    Raises:
        DeclarationError: no such metric, or a number outside its range.
    """

    metric: str
    than: Reference
    margin: float = 0.0
    confidence: float = 0.95
    each: str | None = None
    min_rows: int = 100

    def __post_init__(self) -> None:
        """Check the declaration."""
        check_comparison(self.metric, self.than, self.margin, self.confidence)

    @property
    def needs(self) -> frozenset[Need]:
        """Return whom the candidate is compared with."""
        return frozenset({self.than})

    @property
    def slices(self) -> tuple[str, ...]:
        """Return the column of ``each``, if any."""
        return () if self.each is None else (self.each,)

    def __call__(self, evidence: Evidence) -> Verdict:
        """Judge the improvement."""
        from lapwise.gates.slices import judge_rows

        return judge_rows(
            self,
            evidence,
            directed_metric(self.metric),
            ("candidate", self.than),
            self._judge,
            each=self.each,
            min_rows=self.min_rows,
            limit=self.margin,
        )

    def _judge(self, sample: Sample, name: str, parts: int) -> Verdict:
        from lapwise.gates.comparison import gain_over
        from lapwise.gates.sentences import more_blocks, percent, show

        gain, sentence = gain_over(self.than, self.metric, sample)
        risk = 1 - self.confidence
        low, high = gain.low(risk), gain.high(risk / parts)
        status: VerdictStatus = "cannot_tell"
        if low > self.margin:
            status = "passed"
            sentence += f"; with {percent(self.confidence)} confidence by more than {show(low)}."
        elif high <= self.margin:
            status = "failed"
            sentence += (
                f"; a gain above {show(self.margin)} was asked, and it is at most {show(high)}."
            )
        else:
            sentence += (
                f"; a gain above {show(self.margin)} was asked, and it may be anything from "
                f"{show(low)} to {show(high)}. {more_blocks(gain, self.margin, risk)}"
            )
        return Verdict(
            gate=self.code,
            name=name,
            status=status,
            sentence=sentence,
            measured=gain.value,
            limit=self.margin,
            low=low,
            high=high,
            confidence=self.confidence,
            rows=gain.rows,
        )
