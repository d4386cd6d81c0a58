"""How long a rollout will take at today's traffic, before it starts."""

from __future__ import annotations

import math

from lapwise.core.duration import format_duration
from lapwise.core.errors import RolloutError
from lapwise.core.model import Record
from lapwise.core.rollout import RolloutPolicy
from lapwise.rollout.decision import units_needed
from lapwise.rollout.sentences import count, percent, points
from lapwise.rollout.traffic import DAY, Traffic

__all__ = ["PlannedStep", "plan"]


class PlannedStep(Record, frozen=True, kw_only=True):
    """One step to come: how many days it takes, how many units it will have met, and why so long.

    ``step`` is ``shadow`` or the weight as people say it, ``weight`` in per cent of units.
    """

    step: str
    weight: int
    days: int
    units: int
    why: str


def plan(policy: RolloutPolicy, traffic: Traffic) -> tuple[PlannedStep, ...]:
    """Return each step with the days that it needs if the candidate fails as production does.

    Raises:
        RolloutError: a step cannot conclude within the policy's patience; the error names it and
            says what would do.
    """
    planned = [_shadow(policy, traffic)] if policy.pairs else []
    planned += [_step(policy, traffic, weight) for weight in policy.steps]
    return tuple(planned)


def _shadow(policy: RolloutPolicy, traffic: Traffic) -> PlannedStep:
    rows = traffic.rows_per_day
    days = math.ceil(policy.pairs / rows) if rows > 0 else math.inf
    patience = policy.patience // DAY
    if days > max(patience, 1):
        raise RolloutError(
            f"the shadow cannot have {policy.pairs:,} pairs within {format_duration(policy.patience)}",
            value=f"{rows:,.0f} rows a day",
            expected=f"at least {math.ceil(policy.pairs / max(patience, 1)):,} rows a day",
            fix=_either(
                f"shadow=lw.Pairs({int(rows * patience)})" if rows * patience >= 1 else "",
                f'patience="{int(days)}d"' if math.isfinite(days) else "",
            ),
        )
    return PlannedStep(
        step="shadow",
        weight=0,
        days=int(days),
        units=round(traffic.units_within(int(days))),
        why=f"{policy.pairs:,} pairs at {rows:,.0f} rows a day",
    )


def _step(policy: RolloutPolicy, traffic: Traffic, weight: int) -> PlannedStep:
    if weight == 100:
        why = "the candidate becomes production"
        return PlannedStep(step="100 %", weight=100, days=0, units=0, why=why)
    share = weight / 100
    rate = traffic.failure_rate
    bound = units_needed(policy, rate, rate, (1 - share) / share)
    needed = None if bound is None else max(bound, policy.min_units)
    most = max(policy.patience // DAY, 1)
    days = None if needed is None else _days(traffic, share, needed, most)
    if needed is None or days is None:
        raise _hopeless(policy, traffic, weight, needed)
    held = math.ceil(policy.hold / DAY)
    if held >= days:
        why = f"holds {format_duration(policy.hold)}"
    elif needed == policy.min_units:
        why = f"{count(policy.min_units, 'unit')} at {weight} %"
    else:
        why = (
            f"{count(needed, 'unit')} exclude {points(policy.margin)} more failures, "
            f"where {percent(rate)} of answers fail anyway"
        )
    days = max(days, held)
    units = round(share * traffic.units_within(days))
    return PlannedStep(step=f"{weight} %", weight=weight, days=days, units=units, why=why)


def _days(traffic: Traffic, share: float, needed: int, most: int) -> int | None:
    """Return after how many days a share of units are as many as needed."""
    for days in range(1, most + 1):
        if share * traffic.units_within(days) >= needed:
            return days
    return None


def _hopeless(
    policy: RolloutPolicy, traffic: Traffic, weight: int, needed: int | None
) -> RolloutError:
    """Return the refusal of a step, with what would do."""
    patience = format_duration(policy.patience)
    most = max(policy.patience // DAY, 1)
    come = traffic.units_within(most)
    if needed is None:
        return RolloutError(
            f"the step of {weight} % cannot exclude {points(policy.margin)} of harm, "
            f"where {percent(traffic.failure_rate)} of answers fail anyway",
            value=policy.margin,
            expected="a margin that can be told from production's own failures",
            fix="a larger margin=, or failures of production mended first",
        )
    share = math.ceil(100 * needed / come) if come else 101
    longer = next(
        (
            days
            for days in range(most + 1, 3651)
            if weight / 100 * traffic.units_within(days) >= needed
        ),
        None,
    )
    return RolloutError(
        f"the step of {weight} % cannot have {needed:,} of the candidate's units within {patience}",
        value=f"{round(weight / 100 * come):,} units",
        expected=f"{needed:,} units, which {points(policy.margin)} of margin and min_units ask for",
        fix=_either(
            f"a step of {share} % or more" if share < 100 else "",
            f'patience="{longer}d"' if longer else "",
        ),
    )


def _either(*ways: str) -> str:
    found = [way for way in ways if way]
    return ", or ".join(found) or "more traffic, or canary=[100] after a shadow"
