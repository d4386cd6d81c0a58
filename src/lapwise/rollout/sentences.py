"""Numbers in the sentences of a rollout."""

from __future__ import annotations

from lapwise.core.duration import format_duration

__all__ = ["about", "count", "odds", "percent", "points"]

_MINUTE, _HOUR, _DAY = 60_000_000, 3_600_000_000, 86_400_000_000


def percent(share: float) -> str:
    """Return a share in per cent with as many digits as matter.

    >>> percent(0.05), percent(0.0123), percent(1.0)
    ('5 %', '1.2 %', '100 %')
    """
    return f"{100 * share:.2g} %" if abs(share) < 0.0995 else f"{100 * share:.0f} %"


def points(share: float, *, relative: bool = False) -> str:
    """Return a difference of shares in points, or of a regression's errors in per cent.

    >>> points(0.031), points(-0.004), points(0.031, relative=True)
    ('3.1 points', '-0.4 points', '3.1 %')
    """
    return f"{100 * share:.1f} %" if relative else f"{100 * share:.1f} points"


def odds(log_evidence: float) -> str:
    """Return how seldom chance alone does the like.

    >>> import math
    >>> odds(math.log(4210)), odds(60.0)
    ('less than 1 time in 4,210', 'less than 1 time in a billion')
    """
    if log_evidence > 20.7:
        return "less than 1 time in a billion"
    return f"less than 1 time in {int(2.718281828459045**log_evidence + 0.5):,}"


def count(number: int, thing: str) -> str:
    """Return a number of things.

    >>> count(1, "unit"), count(1200, "unit")
    ('1 unit', '1,200 units')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def about(microseconds: float) -> str:
    """Return a duration as people estimate one, rounded up.

    >>> about(2.2 * 86_400_000_000), about(90 * 60_000_000), about(1)
    ('3d', '2h', '1m')
    """
    for unit in (_DAY, _HOUR, _MINUTE):
        if microseconds > unit or unit == _MINUTE:
            return format_duration(max(-int(-microseconds // unit), 1) * unit).replace("1w", "7d")
    return "1m"
