"""Numbers and reasons in words that a person understands."""

from __future__ import annotations

from math import ceil

from lapwise.gates.bootstrap import Measured

__all__ = ["more_blocks", "percent", "show"]

_HOPELESS = 100


def show(value: float) -> str:
    """Return a number with four significant digits.

    >>> show(0.73912), show(-0.0), show(1234.56)
    ('0.7391', '0', '1235')
    """
    return f"{value + 0.0:.4g}"


def percent(share: float) -> str:
    """Return a share as a percentage.

    >>> percent(0.95), percent(0.999)
    ('95 %', '99.9 %')
    """
    return f"{100 * share:.4g} %"


def more_blocks(measured: Measured, limit: float, risk: float) -> str:
    """Say how many more blocks would decide, if the difference stayed what it is.

    The reach of an interval shrinks as the square root of the blocks grows.
    """
    gap = abs(measured.value - limit)
    reach = measured.high(risk) - measured.value
    if gap * _HOPELESS**0.5 <= reach:
        return "It lies so close to the limit that no realistic number of rows would tell."
    more = max(1, ceil(measured.blocks * ((reach / gap) ** 2 - 1)))
    return f"About {more} more blocks of rows like these {measured.blocks} would tell."
