"""The test on events: of all units that fail, does the candidate have more than its share?

Lindon and Malek, *Anytime-valid inference for multinomial count data* (NeurIPS 2022, arXiv
2011.03567). If candidate and control fail alike, each unit that fails for the first time is one of
the candidate's with the probability with which units were assigned to it, whatever the rate of
failures is and however it moves by hour and day. So of ``n`` failing units ``s`` are the
candidate's, and a Beta mixture over all larger shares, divided by the likelihood under the assigned
share, is a martingale of mean 1: it ever reaches ``1/alpha`` with probability at most ``alpha``
(Ville). No variance is estimated, no sample size fixed, and no error of production is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache

__all__ = [
    "log_evidence",
    "log_evidence_of_stages",
    "log_evidence_two_sided",
    "null_share",
]

PRIOR = 10.0
"""How many failures the prior weighs; its mean is the assigned share."""


def null_share(share: float, tolerance: float = 1.0) -> float:
    """Return the candidate's share of failures if it fails ``tolerance`` times as often.

    >>> round(null_share(0.1, 2.0), 4)
    0.1818
    """
    return share * tolerance / (share * tolerance + 1 - share)


def log_evidence(
    candidate: int, control: int, share: float, *, tolerance: float = 1.0, prior: float = PRIOR
) -> float:
    """Return the log of the evidence that the candidate fails more than it may.

    Args:
        candidate: failing units of the candidate, each counted once.
        control: failing units of production, each counted once.
        share: the share of units that are assigned to the candidate; 0.5 for pairs that differ.
        tolerance: how many times as often the candidate may fail.
        prior: the weight of the Beta prior in failures.

    Returns:
        The log e-value: 0 without data, and 0 where there is nobody to compare with (share 0 or 1).

    >>> round(math.exp(log_evidence(7, 0, 0.1)))
    2256
    """
    if not 0 < share < 1:
        return 0.0
    null = null_share(share, tolerance)
    a, b = prior * share, prior * (1 - share)
    above = _log_above(a + candidate, b + control, null)
    if above == -math.inf:
        return above
    return (
        _log_beta(a + candidate, b + control)
        - _log_beta(a, b)
        - candidate * math.log(null)
        - control * math.log1p(-null)
        + above
        - _log_above_prior(a, b, null)
    )


def log_evidence_of_stages(stages: Iterable[tuple[int, int, float]]) -> float:
    """Return the log evidence of stages with different shares, one after the other.

    Each is (candidate, control, share). With a share that changes no one prior fits, so every stage
    has its own mixture, and they multiply: given what went before, each has mean at most 1.
    """
    return math.fsum(log_evidence(*stage) for stage in stages)


def log_evidence_two_sided(
    candidate: int, control: int, share: float, *, prior: float = PRIOR
) -> float:
    """Return the log evidence that the candidate's share is not ``share``, above or below."""
    if not 0 < share < 1:
        return 0.0
    a, b = prior * share, prior * (1 - share)
    return (
        _log_beta(a + candidate, b + control)
        - _log_beta(a, b)
        - candidate * math.log(share)
        - control * math.log1p(-share)
    )


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _log_above(a: float, b: float, share: float) -> float:
    """Return the log of the mass that Beta(a, b) has above ``share``."""
    from scipy.special import betaincc

    mass = float(betaincc(a, b, share))
    return math.log(mass) if mass > 0 else -math.inf


@lru_cache(maxsize=256)
def _log_above_prior(a: float, b: float, share: float) -> float:
    """Return the same for a prior, which few stages have."""
    return _log_above(a, b, share)
