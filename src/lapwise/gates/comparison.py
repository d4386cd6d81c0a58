"""Candidate against another model, on the same rows and the same resamples."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lapwise.core.evidence import Evidence
from lapwise.core.model import Verdict, VerdictStatus
from lapwise.gates.metrics import directed_metric
from lapwise.gates.model import Gate, Need, Reference, check_comparison

if TYPE_CHECKING:
    from lapwise.gates.bootstrap import Measured
    from lapwise.gates.sample import Sample

__all__ = ["Comparison", "Conclusion"]


class Conclusion(NamedTuple):
    """What a rule makes of a gain: its verdict, the end of the sentence, and its own numbers."""

    status: VerdictStatus
    ending: str
    measured: float
    low: float
    high: float


class Comparison(Gate, frozen=True):
    """The parent of the gates that compare: the rules differ in :meth:`conclude` alone."""

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
        """Judge the candidate beside the other model."""
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

    def conclude(self, gain: Measured, parts: int) -> Conclusion:
        """Return what follows from a gain, as one of ``parts`` slices."""
        raise NotImplementedError

    def _judge(self, sample: Sample, name: str, parts: int) -> Verdict:
        gain, sentence = _gain_over(self.than, self.metric, sample)
        conclusion = self.conclude(gain, parts)
        return Verdict(
            gate=self.code,
            name=name,
            status=conclusion.status,
            sentence=sentence + conclusion.ending,
            measured=conclusion.measured,
            limit=self.margin,
            low=conclusion.low,
            high=conclusion.high,
            confidence=self.confidence,
            rows=gain.rows,
        )


def _gain_over(than: str, metric: str, sample: Sample) -> tuple[Measured, str]:
    """Return by how much the candidate is better, and the same as the start of a sentence.

    Raises:
        Undecided: too few blocks or rows.
    """
    from lapwise.gates.bootstrap import resample
    from lapwise.gates.sentences import show

    directed = directed_metric(metric)
    candidate, other = resample(directed, sample, ("candidate", than))
    better, worse = (candidate, other) if directed.higher_is_better else (other, candidate)
    gain = better.minus(worse).measured()
    way = "better" if gain.value > 0 else "worse"
    difference = f"{show(abs(gain.value))} {way}" if gain.value else "no different"
    return gain, (
        f"{metric} is {show(candidate.value)} against the {than}'s {show(other.value)}, "
        f"{difference}"
    )
