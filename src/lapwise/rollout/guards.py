"""The guards: each way to be harmful, judged by the numbers of the present stage."""

from __future__ import annotations

import math

from lapwise.core.rollout import Guard, GuardStatus, RolloutPolicy
from lapwise.rollout.confidence import (
    Moments,
    bound_difference_above,
    bound_difference_below,
    bound_mean,
    log_mean_evidence,
)
from lapwise.rollout.event_test import (
    log_evidence,
    log_evidence_of_stages,
    log_evidence_two_sided,
)
from lapwise.rollout.sentences import count, odds, percent, points
from lapwise.rollout.summary import CanaryCounts, Sides, Summary

__all__ = ["FOR_PEOPLE", "evidence_needed", "guards_of_canary", "guards_of_shadow"]

FOR_PEOPLE = frozenset({"disagreement", "assignment", "scores"})
"""Guards that never roll back."""
LABELLED = 30
"""Units with labels, of each arm, from which means are compared."""
LEANING = 5
"""A canary's means are bounded tightest at so many times ``min_units``."""


def evidence_needed(policy: RolloutPolicy, *, timed: bool) -> float:
    """Return the e-value that rolls back: one chance ``alpha``, shared by all guards and phases.

    Two guards in the shadow, two in the canary, and latency if it is judged.
    """
    return ((2 if policy.pairs else 0) + 2 + timed) / policy.alpha


def guards_of_shadow(policy: RolloutPolicy, summary: Summary) -> tuple[Guard, ...]:
    """Return the guards of a shadow: failures, mistakes and, of decisions, disagreement."""
    shadow = summary.shadow
    needed = evidence_needed(policy, timed=summary.timed)
    failures = _failures(
        policy,
        shadow.failed,
        shadow.failing,
        Sides(candidate=shadow.units, control=shadow.units),
        log_evidence(shadow.first_failures.candidate, shadow.first_failures.control, 0.5),
        needed,
    )
    found = [failures, _shadow_mistakes(policy, summary, needed)]
    if summary.decided:
        found.append(_disagreement(policy, summary))
    return tuple(found)


def guards_of_canary(policy: RolloutPolicy, summary: Summary) -> tuple[Guard, ...]:
    """Return the guards of a canary's present step: failures, mistakes, latency, and for people."""
    needed = evidence_needed(policy, timed=summary.timed)
    steps = summary.canary
    step = steps[-1]
    failing = log_evidence_of_stages(_thinned(one.first_failures, one) for one in steps)
    found = [
        _failures(policy, step.failed, step.failing, step.units, failing, needed),
        _canary_mistakes(policy, summary, needed),
    ]
    if summary.timed:
        found.append(_latency(steps, needed))
    found.append(_assignment(policy, steps))
    scores = _scores(summary)
    return (*found, scores) if scores else tuple(found)


def _thinned(sides: Sides, step: CanaryCounts) -> tuple[int, int, float]:
    return sides.candidate, sides.control, step.share


def _failures(
    policy: RolloutPolicy,
    failed: Sides,
    failing: tuple[float, float],
    units: Sides,
    log_e: float,
    needed: float,
) -> Guard:
    """Judge failures: shown to be more is harmful, however few; the margin is for going on."""
    sums = (failing[0], units.candidate, failing[1], units.control)
    low = bound_difference_below(*sums, policy.alpha)
    high = bound_difference_above(*sums, policy.alpha)
    measured = None
    if units.candidate and units.control:
        measured = failing[0] / units.candidate - failing[1] / units.control
    seen = (
        f"{failed.candidate:,} of {count(units.candidate, 'unit')} met a failure of the candidate, "
        f"{failed.control:,} of {units.control:,} one of production"
    )
    if log_e >= math.log(needed):
        status: GuardStatus = "harmful"
        sentence = f"{seen}; chance does the like {odds(log_e)}."
    else:
        status = "harmless" if high < policy.margin and units.candidate else "cannot_tell"
        sentence = f"{seen}; {_at_most(policy, high)}."
    return Guard(
        name="failures",
        status=status,
        sentence=sentence,
        candidate=units.candidate,
        control=units.control,
        measured=measured,
        low=low,
        high=high,
        limit=policy.margin,
        evidence=_exponential(log_e),
        needed=needed,
    )


def _shadow_mistakes(policy: RolloutPolicy, summary: Summary, needed: float) -> Guard:
    """Judge mistakes on the same rows: each unit's own difference, so its level does not matter."""
    shadow = summary.shadow
    harm = shadow.harm
    if harm.count < LABELLED:
        return _too_few(policy, harm.count, harm.count, needed)
    padded = harm.padded(1.0, -1.0)
    error = math.sqrt(padded.variance / padded.count)
    first = shadow.first_mistakes
    if summary.decided:
        log_e = log_evidence(first.candidate, first.control, 0.5)
    else:
        log_e = _mean_evidence(padded.mean, error, harm.count, policy.pairs, policy.alpha)
    seen = (
        f"on {count(shadow.labelled, 'labelled pair')} of {count(harm.count, 'unit')} the candidate"
    )
    return _mistakes(
        policy,
        summary,
        seen,
        (harm.mean, padded.mean),
        bound_mean(error, harm.count, tuned=policy.pairs, alpha=policy.alpha),
        (harm.count, harm.count),
        log_e,
        needed,
    )


def _canary_mistakes(policy: RolloutPolicy, summary: Summary, needed: float) -> Guard:
    """Judge mistakes between the units of two arms; the e-values of steps are averaged.

    A unit may be in two steps, so their evidence is not independent and must not multiply; the mean
    of e-values is an e-value all the same. A step that is still to come counts as none.
    """
    step = summary.canary[-1]
    one, other = step.candidate_loss, step.control_loss
    if min(one.count, other.count) < LABELLED:
        return _too_few(policy, one.count, other.count, needed)
    judged = sum(weight < 100 for weight in policy.steps)
    parts = [_compare(policy, each, relative=summary.relative) for each in summary.canary]
    total = math.fsum(_exponential(part[3]) for part in parts if part) / judged
    present = parts[-1]
    if present is None:
        return _too_few(policy, one.count, other.count, needed)
    measured, centre, width, _ = present
    seen = f"over {one.count:,} and {count(other.count, 'labelled unit')} the candidate"
    log_e = math.log(total) if total > 0 else -math.inf
    sizes = (one.count, other.count)
    return _mistakes(policy, summary, seen, (measured, centre), width, sizes, log_e, needed)


def _compare(
    policy: RolloutPolicy, step: CanaryCounts, *, relative: bool
) -> tuple[float, float, float, float] | None:
    """Return harm as measured, harm padded, the half width of its bound, and the log e-value."""
    one, other = step.candidate_loss, step.control_loss
    if min(one.count, other.count) < LABELLED or (relative and other.mean <= 0):
        return None
    most = 2 * other.mean if relative else 1.0
    first, second = one.padded(0.0, most), other.padded(0.0, most)
    measured, harm = one.mean - other.mean, first.mean - second.mean
    variance = first.variance / first.count + second.variance / second.count
    if relative:
        measured, harm = measured / other.mean, harm / second.mean
        variance = _ratio_variance(first, second)
    size = one.count * other.count / (one.count + other.count)
    error, tuned = math.sqrt(variance), LEANING * policy.min_units
    width = bound_mean(error, size, tuned=tuned, alpha=policy.alpha)
    return measured, harm, width, _mean_evidence(harm, error, size, tuned, policy.alpha)


def _ratio_variance(first: Moments, second: Moments) -> float:
    """Return the variance of a ratio of two independent means (delta method)."""
    own = first.variance / first.count / second.mean**2
    return own + first.mean**2 * second.variance / second.count / second.mean**4


def _mistakes(
    policy: RolloutPolicy,
    summary: Summary,
    seen: str,
    harm: tuple[float, float],
    width: float,
    sizes: tuple[int, int],
    log_e: float,
    needed: float,
) -> Guard:
    """Judge a mean loss: within the margin is accepted, even if it is shown to be more."""
    measured, centre = harm
    low, high = centre - width, centre + width
    status: GuardStatus = "cannot_tell"
    if high < policy.margin:
        status = "harmless"
    elif log_e >= math.log(needed):
        status = "harmful"
    shown = points(abs(measured), relative=summary.relative)
    if summary.relative:
        sentence = f"{seen} errs by {shown} {'more' if measured > 0 else 'less'}"
    else:
        sentence = f"{seen} makes {shown} {'more' if measured > 0 else 'fewer'} mistakes"
    if status == "harmful":
        sentence += f"; chance does the like {odds(log_e)}."
    else:
        sentence += f"; {_at_most(policy, high, relative=summary.relative)}."
    return Guard(
        name="mistakes",
        status=status,
        sentence=sentence[0].upper() + sentence[1:],
        candidate=sizes[0],
        control=sizes[1],
        measured=measured,
        low=low,
        high=high,
        limit=policy.margin,
        evidence=_exponential(log_e),
        needed=needed,
    )


def _too_few(policy: RolloutPolicy, candidate: int, control: int, needed: float) -> Guard:
    return Guard(
        name="mistakes",
        status="cannot_tell",
        sentence=(
            "No label has come yet."
            if not candidate and not control
            else f"Labels for {candidate:,} and {count(control, 'unit')}; {LABELLED} are needed."
        ),
        candidate=candidate,
        control=control,
        limit=policy.margin,
        needed=needed,
    )


def _disagreement(policy: RolloutPolicy, summary: Summary) -> Guard:
    """Bound how often decisions differ: mistakes cannot grow by more, and it needs no label."""
    changed = summary.shadow.changed
    padded = changed.padded(0.0, 1.0)
    width = bound_mean(
        math.sqrt(padded.variance / padded.count),
        max(changed.count, 1),
        tuned=policy.pairs,
        alpha=policy.alpha,
    )
    low, high = max(padded.mean - width, 0.0), min(padded.mean + width, 1.0)
    return Guard(
        name="disagreement",
        status="harmless" if changed.count >= LABELLED and high < policy.margin else "cannot_tell",
        sentence=(
            f"{percent(changed.mean)} of decisions differ, at most {percent(high)}; "
            "mistakes cannot grow by more."
        ),
        candidate=changed.count,
        control=changed.count,
        measured=changed.mean,
        low=low,
        high=high,
        limit=policy.margin,
    )


def _latency(steps: tuple[CanaryCounts, ...], needed: float) -> Guard:
    """Judge slow answers as events, a unit once."""
    log_e = log_evidence_of_stages(_thinned(one.first_slow, one) for one in steps)
    slow = [
        sum(getattr(one.first_slow, side) for one in steps) for side in ("candidate", "control")
    ]
    units = steps[-1].units
    seen = f"{slow[0]:,} units met a slow answer of the candidate first, {slow[1]:,} of production"
    harmful = log_e >= math.log(needed)
    return Guard(
        name="latency",
        status="harmful" if harmful else "cannot_tell",
        sentence=f"{seen}; chance does the like {odds(log_e)}." if harmful else f"{seen}.",
        candidate=units.candidate,
        control=units.control,
        evidence=_exponential(log_e),
        needed=needed,
    )


def _assignment(policy: RolloutPolicy, steps: tuple[CanaryCounts, ...]) -> Guard:
    """Check that the candidate gets its share of units; if not, routing is at fault, not the model."""
    log_e = math.fsum(log_evidence_two_sided(*_thinned(one.assigned, one)) for one in steps)
    needed = 10 / policy.alpha
    step = steps[-1]
    total = step.assigned.candidate + step.assigned.control
    seen = f"{step.assigned.candidate:,} of {count(total, 'new unit')} came to the candidate"
    wrong = log_e >= math.log(needed)
    return Guard(
        name="assignment",
        status="cannot_tell" if wrong else "harmless",
        sentence=(
            f"{seen}, which is not {step.weight} %: units are routed wrongly, "
            "and what is measured does not compare the versions."
            if wrong
            else f"{seen}, as {step.weight} % should."
        ),
        candidate=step.assigned.candidate,
        control=step.assigned.control,
        measured=step.assigned.candidate / total if total else None,
        limit=step.share,
        evidence=_exponential(log_e),
        needed=needed,
    )


def _scores(summary: Summary) -> Guard | None:
    """Show how far the scores' distributions lie apart (population stability index)."""
    one, other = summary.scores
    if not sum(one) or not sum(other):
        return None
    first = [(n + 0.5) / (sum(one) + 0.5 * len(one)) for n in one]
    second = [(n + 0.5) / (sum(other) + 0.5 * len(other)) for n in other]
    index = math.fsum((p - q) * math.log(p / q) for p, q in zip(first, second, strict=True))
    return Guard(
        name="scores",
        status="cannot_tell",
        sentence=f"The scores lie {index:.2f} apart (stability index); shown, not judged.",
        candidate=sum(one),
        control=sum(other),
        measured=index,
    )


def _at_most(policy: RolloutPolicy, high: float, *, relative: bool = False) -> str:
    sure = percent(1 - policy.alpha)
    return (
        f"with {sure} confidence the harm is at most {points(high, relative=relative)}, "
        f"{points(policy.margin, relative=relative)} are accepted"
    )


def _mean_evidence(mean: float, error: float, size: float, tuned: float, alpha: float) -> float:
    return log_mean_evidence(mean / error, size, tuned=tuned, alpha=alpha) if error > 0 else 0.0


def _exponential(log_e: float) -> float:
    """Return an e-value, at most what JSON can carry."""
    return math.exp(min(log_e, 700.0)) if log_e > -700 else 0.0
