"""Bounds that hold at every moment at once, so that one may look as often as one likes.

Rates are bounded by a mixture of binomial likelihoods and Ville's inequality, means
asymptotically: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, *Time-uniform central limit theory*
(Annals of Statistics 2024, arXiv 2103.06476), the one-sided boundary.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeAlias

from lapwise.core.model import Record

__all__ = [
    "Moments",
    "bound_difference_above",
    "bound_difference_below",
    "bound_mean",
    "bound_rate_above",
    "bound_rate_below",
    "log_mean_evidence",
    "moments",
]

MOSTLY_NEVER = ((0.75, 0.02, 1.0), (0.25, 0.5, 0.5))
"""What one believes of a version's failures beforehand: shares of Beta(a, b); see below.

A page that asks for 100 units and a margin of 5 points wants to end when none of 100 failed. Never
failing has the likelihood 1, a rate p has (1-p)^100, so the ratio against p = 0.05 is 168.9. Three
quarters of the belief lie hard by zero, and keep 0.75 · 0.968 · 168.9 of it, 139 with the rest, which
is Jeffreys' prior: above the 1/0.009 = 111 that 99 per cent ask for (a tenth of the error is kept
for production's side). With a half hard by zero no page could end at its own numbers.
"""
ANYTHING = ((1.0, 0.5, 0.5),)


class Moments(Record, frozen=True, kw_only=True):
    """How many values there were, their mean, and their variance (ddof 0)."""

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def padded(self, *values: float) -> Moments:
        """Return the moments with a few values added, so that a variance of 0 is not believed.

        Agresti and Caffo (The American Statistician, 2000) add one success and one failure to each
        arm, Agresti and Min (Statistics in Medicine, 2005) the same to pairs.
        """
        count = self.count + len(values)
        mean = (self.count * self.mean + sum(values)) / count
        square = self.count * (self.variance + self.mean**2) + sum(v * v for v in values)
        return Moments(count=count, mean=mean, variance=max(square / count - mean**2, 0.0))


def moments(values: list[float]) -> Moments:
    """Return the moments of values, in whatever order they come, to the bit."""
    count = len(values)
    if not count:
        return Moments()
    mean = math.fsum(values) / count
    variance = math.fsum((value - mean) ** 2 for value in values) / count
    return Moments(count=count, mean=mean, variance=variance)


@lru_cache(maxsize=4096)
def bound_rate_above(events: float, units: int, alpha: float) -> float:
    """Return what a rate is below, at all times at once, but for a chance ``alpha``.

    For each rate p the likelihood of "less than p" is mixed over all smaller rates, and p is left
    out once the mixture is ``1/alpha`` times as likely as p itself (Ville). ``events`` is the sum
    of the units' own rates: a likelihood ratio is convex in a value between 0 and 1, so that it is
    an e-value for them too, and the bound the wider the more they are all or nothing.

    >>> round(bound_rate_above(0, 100, 0.009), 4)
    0.0479
    """
    return _edge(events, units, alpha, MOSTLY_NEVER)


@lru_cache(maxsize=4096)
def bound_rate_below(events: float, units: int, alpha: float) -> float:
    """Return what a rate is above, at all times at once, but for a chance ``alpha``.

    >>> bound_rate_below(0, 100, 0.01)
    0.0
    """
    return 1.0 - _edge(units - events, units, alpha, ANYTHING)


def bound_difference_above(
    events: float, units: int, control_events: float, control_units: int, alpha: float
) -> float:
    """Return what a rate minus production's is below, at all times, but for a chance ``alpha``.

    Nine tenths of the error go to the candidate's side: it has fewer units.
    """
    return bound_rate_above(events, units, 0.9 * alpha) - bound_rate_below(
        control_events, control_units, 0.1 * alpha
    )


def bound_difference_below(
    events: float, units: int, control_events: float, control_units: int, alpha: float
) -> float:
    """Return what a rate minus production's is above, at all times, but for a chance ``alpha``."""
    return bound_rate_below(events, units, 0.5 * alpha) - bound_rate_above(
        control_events, control_units, 0.5 * alpha
    )


def bound_mean(error: float, size: float, *, tuned: float, alpha: float) -> float:
    """Return how far a mean may lie to one side of its estimate, at all times at once.

    Args:
        error: the standard error of the estimate now.
        size: how many values it rests on; for two arms n1·n0/(n1+n0).
        tuned: the size at which the bound shall be tightest.
        alpha: the chance that it is ever wrong.
    """
    r = size * _tightness(tuned, alpha)
    return error * math.sqrt(2 * (r + 1) / r * math.log1p(math.sqrt(r + 1) / (2 * alpha)))


def log_mean_evidence(z: float, size: float, *, tuned: float, alpha: float) -> float:
    """Return the log evidence that a mean is above zero, from its z-score now.

    The half-normal mixture whose inverse :func:`bound_mean` is, to a good approximation.
    """
    r = size * _tightness(tuned, alpha)
    tail = math.erfc(-z * math.sqrt(r / (1 + r)) / math.sqrt(2))
    if tail <= 0:
        return -math.inf
    return math.log(tail) - 0.5 * math.log1p(r) + r * z * z / (2 * (1 + r))


def _tightness(tuned: float, alpha: float) -> float:
    """Return rho squared, which makes the bound tightest at the size ``tuned``."""
    odds = -2 * math.log(alpha)
    return (odds + math.log(odds + 1)) / tuned


_Beliefs: TypeAlias = tuple[tuple[float, float, float], ...]


def _edge(events: float, units: int, alpha: float, beliefs: _Beliefs) -> float:
    """Return the least rate above ``events / units`` that the mixture leaves out."""
    from scipy.optimize import brentq

    if units <= 0 or events >= units:
        return 1.0

    def over(rate: float) -> float:
        return _log_mixture(events, units, rate, beliefs) + math.log(alpha)

    low = events / units
    reach = -2 * math.log(alpha) / units
    reach += math.sqrt(low * (1 - low) * reach)
    high = low + reach
    while high < 1 and over(high) < 0:
        low, high = high, high + reach
        reach *= 2
    if high >= 1:
        high = 1 - 1e-12
        if over(high) < 0:
            return 1.0
    return float(brentq(over, max(low, 1e-300), high, xtol=1e-10, rtol=1e-10)) + 1e-10


def _log_mixture(events: float, units: int, rate: float, beliefs: _Beliefs) -> float:
    """Return the log of the likelihood mixed over smaller rates, relative to ``rate``'s own."""
    if rate >= 1:
        return math.inf
    rest = units - events
    own = events * math.log(rate) + rest * math.log1p(-rate)
    logs = [
        math.log(weight)
        + _log_beta_below(a + events, b + rest, rate)
        - _log_prior_below(a, b, rate)
        - own
        for weight, a, b in beliefs
    ]
    most = max(logs)
    return most + math.log(sum(math.exp(each - most) for each in logs))


def _log_beta_below(a: float, b: float, rate: float) -> float:
    """Return the log of the incomplete beta integral up to ``rate``."""
    from scipy.special import betainc

    mass = float(betainc(a, b, rate))
    whole = math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
    return whole + (math.log(mass) if mass > 0 else -745.0)


def _log_prior_below(a: float, b: float, rate: float) -> float:
    """Return the same for a prior, in closed form."""
    if b == 1.0:
        return a * math.log(rate) - math.log(a)
    return math.log(2 * math.asin(math.sqrt(rate)))
