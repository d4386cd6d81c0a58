"""Candidate against another model, on the same rows and the same resamples."""

from __future__ import annotations

from lapwise.gates.bootstrap import Measured, resample
from lapwise.gates.metrics import directed_metric
from lapwise.gates.sample import Sample
from lapwise.gates.sentences import show

__all__ = ["gain_over"]


def gain_over(than: str, metric: str, sample: Sample) -> tuple[Measured, str]:
    """Return by how much the candidate is better, and the same as the start of a sentence.

    Raises:
        Undecided: too few blocks or rows.
    """
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
