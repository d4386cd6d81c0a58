"""G004 Floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lapwise.core.errors import DeclarationError
from lapwise.core.evidence import Evidence
from lapwise.core.model import Verdict, VerdictStatus
from lapwise.gates.metrics import directed_metric
from lapwise.gates.model import Gate, check_confidence

if TYPE_CHECKING:
    from lapwise.gates.sample import Sample

__all__ = ["Floor"]


class Floor(Gate, frozen=True, tag="G004"):
    """The candidate is at least this good, everywhere that is asked.

    What it does:
        Compares ``metric`` with ``limit``: at least it where more is better, at most it where less
        is. Passes when the whole interval is on the good side, fails when the whole is on the bad,
        and cannot tell when the limit lies within. ``each`` asks it of every value of a column;
        a slice of fewer than ``min_rows`` rows cannot be told.
    Why:
        Being better than something bad is not being good enough to use.

    Example:
        ``Floor("recall", 0.30, each="origin", min_rows=200)``
    Statistics:
        Block bootstrap, 1000 resamples, each bound one-sided at ``confidence``
        (``lapwise.gates.bootstrap``). For a metric that is a share of rows it is never narrower
        than the exact binomial bound (Clopper & Pearson, *Biometrika* 26, 1934), which also holds
        where every row is a hit and the bootstrap sees no spread.

    Raises:
        DeclarationError: no such metric, or a number outside its range.
    """

    metric: str
    limit: float
    each: str | None = None
    min_rows: int = 100
    confidence: float = 0.95

    def __post_init__(self) -> None:
        """Check the declaration."""
        metric = directed_metric(self.metric)
        check_confidence(self.confidence)
        if not metric.lowest <= self.limit <= metric.highest:
            raise DeclarationError(
                f"the limit of {self.metric} cannot be reached",
                value=self.limit,
                expected=f"a number from {metric.lowest} to {metric.highest}",
            )

    @property
    def slices(self) -> tuple[str, ...]:
        """Return the column of ``each``, if any."""
        return () if self.each is None else (self.each,)

    def __call__(self, evidence: Evidence) -> Verdict:
        """Judge the candidate's metric."""
        from lapwise.gates.slices import judge_rows

        return judge_rows(
            self,
            evidence,
            directed_metric(self.metric),
            ("candidate",),
            self._judge,
            each=self.each,
            min_rows=self.min_rows,
            limit=self.limit,
        )

    def _judge(self, sample: Sample, name: str, parts: int) -> Verdict:
        from lapwise.gates.bootstrap import measure
        from lapwise.gates.sentences import more_blocks, percent, show

        metric = directed_metric(self.metric)
        found = measure(metric, sample, "candidate")
        risk = 1 - self.confidence
        risk_low, risk_high = (
            (risk, risk / parts) if metric.higher_is_better else (risk / parts, risk)
        )
        exact_low, exact_high = _exact_bounds(self.metric, sample, risk_low, risk_high)
        low = max(metric.lowest, min(found.low(risk_low), exact_low))
        high = min(metric.highest, max(found.high(risk_high), exact_high))
        if metric.higher_is_better:
            asked, good, bad = "at least", low >= self.limit, high < self.limit
        else:
            asked, good, bad = "at most", high <= self.limit, low > self.limit
        status: VerdictStatus = "passed" if good else "failed" if bad else "cannot_tell"
        sentence = (
            f"{self.metric} is {show(found.value)}, with {percent(self.confidence)} confidence "
            f"from {show(low)} to {show(high)}; {asked} {show(self.limit)} was asked."
        )
        if status == "cannot_tell":
            sentence += " " + more_blocks(found, self.limit, risk)
        return Verdict(
            gate=self.code,
            name=name,
            status=status,
            sentence=sentence,
            measured=found.value,
            limit=self.limit,
            low=low,
            high=high,
            confidence=self.confidence,
            rows=found.rows,
        )


def _exact_bounds(
    metric: str, sample: Sample, risk_low: float, risk_high: float
) -> tuple[float, float]:
    """Return Clopper-Pearson bounds of a share, and bounds that bind nothing for the rest."""
    from scipy.special import betaincinv

    from lapwise.gates.statistics import count_hits

    counted = count_hits(metric, sample, "candidate")
    if counted is None:
        return float("inf"), float("-inf")
    hits, trials = counted
    low = float(betaincinv(hits, trials - hits + 1, risk_low)) if hits else 0.0
    high = float(betaincinv(hits + 1, trials - hits, 1 - risk_high)) if hits < trials else 1.0
    return low, high
