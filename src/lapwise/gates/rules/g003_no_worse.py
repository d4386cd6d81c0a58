"""G003 NoWorse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.evidence import Evidence
from lapwise.core.model import Verdict, VerdictStatus
from lapwise.gates.metrics import directed_metric
from lapwise.gates.model import Gate, Need, Reference, check_comparison

if TYPE_CHECKING:
    from lapwise.gates.sample import Sample

__all__ = ["NoWorse"]


class NoWorse(Gate, frozen=True, tag="G003"):
    """The candidate is not worse than another model by more than a margin.

    What it does:
        Measures the harm to ``metric`` (positive is worse, whichever way the metric runs) against
        ``than`` on the same rows. Passes when the upper bound of the harm is within ``margin``,
        fails when its lower bound is beyond it, and cannot tell in between. ``each`` asks it of
        every value of a column. Without a production version the comparison with it does not
        apply.
    Why:
        A model can gain on the whole and fail the few: the average hides an airport.

    Example:
        ``NoWorse("roc_auc", than="production", each="origin", margin=0.02)``
    Statistics:
        Non-inferiority (Wellek, *Testing Statistical Hypotheses of Equivalence and
        Noninferiority*, 2010) by paired block bootstrap, 1000 resamples, each bound one-sided at
        ``confidence`` (``lapwise.gates.bootstrap``); over slices see ``lapwise.gates.slices``.

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
        """Judge the harm."""
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
        low, high = -gain.high(risk / parts), -gain.low(risk)
        status: VerdictStatus = "cannot_tell"
        if high <= self.margin:
            status = "passed"
            sentence += (
                f"; with {percent(self.confidence)} confidence the harm is at most {show(high)}."
            )
        elif low > self.margin:
            status = "failed"
            sentence += f"; a harm of {show(self.margin)} is allowed, and it is above {show(low)}."
        else:
            sentence += (
                f"; a harm of {show(self.margin)} is allowed, and it may be anything from "
                f"{show(low)} to {show(high)}. {more_blocks(gain, -self.margin, risk)}"
            )
        return Verdict(
            gate=self.code,
            name=name,
            status=status,
            sentence=sentence,
            measured=-gain.value,
            limit=self.margin,
            low=low,
            high=high,
            confidence=self.confidence,
            rows=gain.rows,
        )
