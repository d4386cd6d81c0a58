"""Instants moved: cut down to a whole step, offset by a calendar's steps, added and subtracted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import polars as pl

from lapwise.features.expressions.scalar.arithmetic import compute
from lapwise.features.expressions.scalar.calendar import civil, days_from_civil, month_length
from lapwise.features.expressions.scalar.cast import cast
from lapwise.features.expressions.scalar.kinds import LEAST, MOST, per_second
from lapwise.features.expressions.scalar.node import Call, Defer, Inexact, Node, Run, lift, lift2
from lapwise.features.expressions.scalar.temporal import (
    FIRST_DAY,
    LAST_DAY,
    microseconds,
    zone_named,
)

__all__ = ["FUNCTIONS", "add_times"]

_STEPS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_DAYS = {"d": 1, "w": 7}
_MONTHS = {"mo": 1, "q": 3, "y": 12}
_PART = re.compile(r"([0-9]{1,9})(ns|us|ms|mo|s|m|h|d|w|q|y)", re.ASCII)
_DAY_NS = 86_400 * 10**9


def _parsed(call: Call) -> tuple[int, int, int, int]:
    """Return a step such as "1mo2d" as sign, months, days and nanoseconds."""
    step = call.nodes[1]
    if not step.constant or not isinstance(step.value, str):
        raise Inexact(f"dt.{call.name.lower()} by a column")
    text = step.value.removeprefix("-")
    sign = -1 if text != step.value else 1
    months = days = rest = 0
    if not text or _PART.sub("", text):
        raise Inexact(f"dt.{call.name.lower()} by {step.value!r}")
    parts = _PART.findall(text)
    kinds = {"mo" if unit in _MONTHS else unit if unit in _DAYS else "h" for _, unit in parts}
    if len(kinds) > 1 and getattr(call.nodes[0].dtype, "time_zone", None) not in (None, "UTC"):
        # Polars goes to local time and back for each of them: days by the calendar, then hours.
        raise Inexact(
            f"dt.{call.name.lower()} by {step.value!r} in a time zone", "one after another"
        )
    for count, unit in parts:
        months += int(count) * _MONTHS.get(unit, 0)
        days += int(count) * _DAYS.get(unit, 0)
        rest += int(count) * _STEPS.get(unit, 0)
    return sign, months, days, rest


def _unit(dtype: Any) -> tuple[int, int]:
    """Return how many nanoseconds a unit has, and how many units a day."""
    if isinstance(dtype, pl.Date):
        return _DAY_NS, 1
    if isinstance(dtype, pl.Datetime):
        unit = 10**9 // per_second(dtype)
        return unit, _DAY_NS // unit
    raise Inexact(f"a step of {dtype}")


def _zoned(function: Callable[[int], int], node: Node, *, fixed: bool = False) -> Run:
    """Apply a function of local time; what meets a change of clocks is left to Polars."""
    dtype: Any = node.dtype
    _, day = _unit(dtype)
    first, last = FIRST_DAY * day, (LAST_DAY + 1) * day

    def checked(x: int) -> int:
        if first <= x < last:
            made = function(x)
            if first <= made < last:
                return made
        raise Defer

    zone = None if isinstance(dtype, pl.Date) else zone_named(dtype.time_zone)
    if zone is None or fixed:
        return lift(checked, node.run)
    multiply, divide = microseconds(dtype)

    def zoned(x: int) -> int:
        instant = x * multiply // divide
        offset, low, high = zone.calm(instant)
        made = checked(x + offset * divide // multiply) - offset * divide // multiply
        if low <= instant < high and low <= made * multiply // divide < high:
            return made
        if zone.instants(instant + offset) != [instant]:
            raise Defer
        made = checked(x + offset * divide // multiply)
        local = made * multiply // divide
        found = zone.instants(local)
        if len(found) != 1:
            raise Defer
        return made - (local - found[0]) * divide // multiply

    return lift(zoned, node.run)


def _floor(call: Call) -> tuple[Callable[[int], int], int]:
    """Return what cuts a local time down to a whole step, and the step (0 for months)."""
    sign, months, days, rest = _parsed(call)
    unit, day = _unit(call.nodes[0].dtype)
    weeks = "w" in str(call.nodes[1].value)
    if sign < 0 or (months and (days or rest)) or (months + days + rest == 0):
        raise Inexact(f"dt.{call.name.lower()} by {call.nodes[1].value!r}")
    if months:

        def month(x: int) -> int:
            year, number, _ = civil(x // day)
            count = ((year - 1970) * 12 + number - 1) // months * months
            return days_from_civil(1970 + count // 12, count % 12 + 1, 1) * day

        return month, 0
    step, odd = divmod(days * _DAY_NS + rest, unit)
    if odd or not step or (weeks and (rest or days % 7)):
        raise Inexact(f"dt.{call.name.lower()} by {call.nodes[1].value!r}")
    origin = 4 * day if weeks else 0  # weeks begin on Mondays, and 1970 on a Thursday
    return (lambda x: (x - origin) // step * step + origin), step


def _truncate(call: Call) -> Run:
    function, _ = _floor(call)
    return _zoned(function, call.nodes[0])


def _round(call: Call) -> Run:
    """Return the nearest whole step, the later one of two equally near."""
    function, step = _floor(call)
    if not step or "w" in str(call.nodes[1].value):
        raise Inexact(f"dt.round by {call.nodes[1].value!r}", "dt.truncate")
    if getattr(call.nodes[0].dtype, "time_zone", None) not in (None, "UTC"):
        raise Inexact("dt.round in a time zone", "dt.truncate")
    return _zoned(lambda x: function(x + step // 2), call.nodes[0])


def _offset_by(call: Call) -> Run:
    sign, months, days, rest = _parsed(call)
    unit, day = _unit(call.nodes[0].dtype)
    if rest % unit:
        raise Inexact(f"dt.offset_by {call.nodes[1].value!r} of {call.nodes[0].dtype}")
    steps = sign * (days * day + rest // unit)
    if not months:
        return _zoned(lambda x: x + steps, call.nodes[0], fixed=not days)

    def moved(x: int) -> int:
        date, time = divmod(x, day)
        year, month, number = civil(date)
        year, month = divmod(year * 12 + month - 1 + sign * months, 12)
        number = min(number, month_length(year, month + 1))
        return days_from_civil(year, month + 1, number) * day + time + steps

    return _zoned(moved, call.nodes[0])


def _month_start(call: Call) -> Run:
    _, day = _unit(call.nodes[0].dtype)

    def start(x: int) -> int:
        date = x // day
        return x - (civil(date)[2] - 1) * day

    return _zoned(start, call.nodes[0])


def _month_end(call: Call) -> Run:
    _, day = _unit(call.nodes[0].dtype)

    def end(x: int) -> int:
        year, month, number = civil(x // day)
        return x + (month_length(year, month) - number) * day

    return _zoned(end, call.nodes[0])


def add_times(operator: str, left: Node, right: Node, dtype: Any) -> Run:
    """Return a sum, difference or ratio that times take part in.

    Raises:
        Inexact: it is another operation, or on other types.
    """
    pair = (type(left.dtype), type(right.dtype), operator)
    plus, minus = (lambda x, y: _checked(x + y)), (lambda x, y: _checked(x - y))
    instants = (pl.Datetime, pl.Date)
    if operator == "Minus" and pair[0] in instants and pair[1] in instants:
        if not isinstance(dtype, pl.Duration):
            raise Inexact(f"{left.dtype} minus {right.dtype}")
        zone = getattr(left.dtype, "time_zone", None)
        target = pl.Datetime(dtype.time_unit, zone)
        return lift2(minus, _instant(left, target), _instant(right, target))
    if (
        pair[1] is pl.Duration
        and pair[0] in (pl.Datetime, pl.Duration)
        and pair[2] in ("Plus", "Minus")
    ):
        other = pl.Duration(dtype.time_unit)
        return lift2(plus if operator == "Plus" else minus, cast(left, dtype), cast(right, other))
    if pair[0] is pl.Duration and pair[1] is pl.Datetime and operator == "Plus":
        return lift2(plus, cast(left, pl.Duration(dtype.time_unit)), cast(right, dtype))
    if pair == (pl.Duration, pl.Duration, "TrueDivide") and left.dtype == right.dtype:
        whole = [Node(pl.Int64(), node.run, constant=node.constant) for node in (left, right)]
        return compute(operator, cast(whole[0], dtype), cast(whole[1], dtype), dtype)
    if pair[0] is pl.Date and pair[1] is pl.Duration and pair[2] in ("Plus", "Minus"):
        raise Inexact(f"{left.dtype} and {right.dtype}", 'dt.offset_by("1d")')
    raise Inexact(f"{operator} of {left.dtype} and {right.dtype}")


def _instant(node: Node, target: Any) -> Node:
    if isinstance(node.dtype, pl.Date):
        if target.time_zone is not None:
            raise Inexact(f"{node.dtype} beside {target}")
        return cast(node, target)
    return cast(node, target)


def _checked(x: int) -> int:
    if LEAST <= x <= MOST:
        return x
    raise Defer


FUNCTIONS: dict[str, Callable[[Call], Run]] = {
    "MonthEnd": _month_end,
    "MonthStart": _month_start,
    "OffsetBy": _offset_by,
    "Round": _round,
    "Truncate": _truncate,
}
